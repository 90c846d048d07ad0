"""Ways to fine-tune, on an encoder with random weights that is small enough to train in a moment."""

from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from torch.nn import functional

from tests.unit.training.understanding.small import WIDTH, WORDS, batch, hidden, small_bert, small_tokenizer
from training.understanding.methods import (
    contrastive,
    masked_language,
    parameter_efficient,
    prompt,
    self_training,
)
from training.understanding.methods.adversarial import FastGradient
from training.understanding.methods.multi_task import TaskWeights
from training.understanding.model import UnderstandingModel, pool


@pytest.fixture
def tokenizer() -> Any:
    return small_tokenizer()


@pytest.fixture
def encoder() -> Any:
    return small_bert()


# --- Contrastive ---


def test_the_contrastive_loss_is_the_papers() -> None:
    generator = torch.Generator().manual_seed(0)
    vectors = functional.normalize(torch.randn(6, 8, generator=generator), dim=-1)
    targets = torch.tensor([0, 0, 1, 1, 1, 2])
    terms = []
    for i in range(6):
        others = [a for a in range(6) if a != i]
        positives = [p for p in others if targets[p] == targets[i]]
        if positives:
            total = sum(torch.exp(vectors[i] @ vectors[a] / 0.2) for a in others)
            terms.append(
                -sum(torch.log(torch.exp(vectors[i] @ vectors[p] / 0.2) / total) for p in positives)
                / len(positives)
            )
    wanted = sum(terms) / len(terms)
    assert torch.allclose(contrastive.supervised_contrastive(vectors, targets, 0.2), torch.as_tensor(wanted))


def test_several_labels_are_alike_where_they_share_one() -> None:
    vectors = functional.normalize(torch.randn(3, 8, generator=torch.Generator().manual_seed(0)), dim=-1)
    shared = torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    single = torch.tensor([0, 0, 1])
    assert torch.equal(
        contrastive.supervised_contrastive(vectors, shared, 0.1),
        contrastive.supervised_contrastive(vectors, single, 0.1),
    )
    soft = torch.tensor([[0.6, 0.4, 0.0], [0.9, 0.1, 0.0], [0.3, 0.0, 0.7]])
    assert contrastive.likeliest(soft, multi_label=False).tolist() == [0, 0, 2]


def test_no_pair_costs_nothing_and_has_a_gradient_of_nothing() -> None:
    vectors = torch.randn(3, 8, requires_grad=True)
    loss = contrastive.supervised_contrastive(functional.normalize(vectors, dim=-1), torch.arange(3), 0.1)
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert vectors.grad is not None
    assert not vectors.grad.any()


def test_batches_hold_so_many_texts_of_so_many_intents() -> None:
    targets = np.repeat(np.arange(6), 5)
    rng = np.random.default_rng(0)
    batches = list(contrastive.balanced(targets, classes=3, per_class=2, steps=10, rng=rng))
    for chosen in batches:
        assert len(set(chosen)) == 6
        labels, counts = np.unique(targets[chosen], return_counts=True)
        assert len(labels) == 3
        assert counts.tolist() == [2, 2, 2]
    used = np.bincount([p for chosen in batches for p in chosen], minlength=30)
    assert used.sum() == 60
    assert used.min() >= 1  # 60 places for 30 texts: each had its turn
    again = list(contrastive.balanced(targets, 3, 2, 10, np.random.default_rng(0)))
    assert again == batches


def test_intents_with_one_text_have_no_pair() -> None:
    batches = contrastive.balanced(np.array([0, 0, 1, 2, 2, 2]), 5, 3, 4, np.random.default_rng(0))
    assert all(sorted(chosen) == [0, 1, 3, 4, 5] for chosen in batches)
    with pytest.raises(ValueError, match="two intents with two texts each"):
        next(contrastive.balanced(np.array([0, 0, 1]), 5, 3, 1, np.random.default_rng(0)))


# --- Masked language ---


def repeated(rng: np.random.Generator) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Texts of one word again and again."""
    rows = [np.repeat(rng.integers(5, 9, (16, 1)), 8, axis=1) for _ in range(4)]
    framed = [torch.from_numpy(np.pad(row, ((0, 0), (1, 1)), constant_values=2)) for row in rows]
    return [(row, torch.ones_like(row)) for row in framed]


def test_masks_15_percent_of_words_and_no_special_ones(tokenizer: Any) -> None:
    ids = torch.randint(5, 22, (200, 20), generator=torch.Generator().manual_seed(0))
    ids[:, 0], ids[:, 15], ids[:, 16:] = 2, 3, 0
    torch.manual_seed(3)
    masked, asked = masked_language.Masking(tokenizer, 40)(ids)
    places = asked != -100
    assert not places[:, 0].any()
    assert not places[:, 15:].any()
    assert torch.equal(asked[places], ids[places])
    assert torch.equal(masked[~places], ids[~places])
    assert 0.13 < float(places[:, 1:15].float().mean()) < 0.17
    assert 0.75 < float((masked[places] == 4).float().mean()) < 0.85
    torch.manual_seed(3)
    again, _ = masked_language.Masking(tokenizer, 40)(ids)
    assert torch.equal(again, masked)


def test_adapts_an_encoder_to_texts(encoder: Any, tokenizer: Any) -> None:
    encoder.embeddings.requires_grad_(False)
    with torch.no_grad():
        encoder.embeddings.word_embeddings.weight.mul_(20)  # as far apart as pretrained ones
    words = encoder.embeddings.word_embeddings.weight.clone()
    layer = encoder.encoder.layer[0].output.dense.weight.clone()
    told: list[int] = []
    found = masked_language.adapt(
        encoder, tokenizer, repeated, steps=20, rate=3e-3, seed=0, told=lambda step, _loss: told.append(step)
    )
    assert told == list(range(1, 21))
    assert found.last_loss < found.first_loss - 0.3
    assert torch.equal(encoder.embeddings.word_embeddings.weight, words)
    assert not torch.equal(encoder.encoder.layer[0].output.dense.weight, layer)
    assert encoder.encoder.layer[0].output.dense.weight.requires_grad
    assert "words" not in " ".join(found.head.state_dict())


def test_a_text_without_masks_costs_nothing(encoder: Any) -> None:
    head = masked_language.MaskedLanguageHead(encoder.get_input_embeddings())
    asked = torch.full((2, 6), -100)
    assert float(masked_language.masked_loss(hidden(encoder), head, asked).detach()) == 0.0


def test_gives_a_mask_where_there_is_a_vector_for_it(tokenizer: Any) -> None:
    tokenizer.mask_token = None
    with pytest.raises(ValueError, match="the mask's id is 25, but the encoder has only 25"):
        masked_language.give_mask(tokenizer, 25)
    assert masked_language.give_mask(tokenizer, 40) == tokenizer.mask_token_id


# --- Prompts ---


def test_a_prompt_stands_around_every_text_and_is_not_cut_off(tokenizer: Any) -> None:
    mask = prompt.put_into(tokenizer, "{text} It is about {mask}.", 40)
    encoded = tokenizer(
        ["Where is my card", " ".join(WORDS)], truncation=True, max_length=12, return_offsets_mapping=True
    )
    first, second = (tokenizer.convert_ids_to_tokens(ids) for ids in encoded["input_ids"])
    assert first == ["[CLS]", *["where", "is", "my", "card", "it", "is", "about", "[MASK]", "."], "[SEP]"]
    assert second == ["[CLS]", *WORDS[:5], *["it", "is", "about", "[MASK]", "."], "[SEP]"]
    assert encoded["offset_mapping"][0][1:5] == [(0, 5), (6, 8), (9, 11), (12, 16)]
    assert all(begin == end for begin, end in encoded["offset_mapping"][0][5:])
    assert mask == 4
    prompt.put_into(tokenizer, "about {mask}: {text}", 40)
    kept = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())  # it goes where tokenizer.json goes
    assert kept.encode("my card").tokens == ["[CLS]", "about", "[MASK]", "[UNK]", "my", "card", "[SEP]"]
    with pytest.raises(ValueError, match="once each"):
        prompt.put_into(tokenizer, "{text} is {mask} {mask}", 40)


def test_intents_are_read_off_the_masked_word(encoder: Any, tokenizer: Any) -> None:
    mask = prompt.put_into(tokenizer, "{text} about {mask}", 40)
    model = prompt.PromptedModel(encoder, 2, dropout=0.0, mask_id=mask).eval()
    head = masked_language.MaskedLanguageHead(encoder.get_input_embeddings())
    prompt.verbalise(model, tokenizer, ["lost_card", "pin"], head)
    words = encoder.embeddings.word_embeddings.weight
    lost, card, pin = (tokenizer.convert_tokens_to_ids(word) for word in ("lost", "card", "pin"))
    encoded = tokenizer(["where is my card", "why"], padding=True, return_tensors="pt")
    ids, attention = encoded["input_ids"], encoded["attention_mask"]
    output = model(ids, attention)
    tokens = encoder(input_ids=ids, attention_mask=attention).last_hidden_state
    for row in range(2):
        place = ids[row].tolist().index(mask)
        vector = head.transform(tokens[row, place])
        wanted = torch.stack([vector @ (words[lost] + words[card]) / 2, vector @ words[pin]])
        assert torch.allclose(output.intents[row], wanted, atol=1e-5)
    assert torch.allclose(output.sentence, pool(tokens, attention))


# --- Adversarial ---


def test_each_text_is_moved_by_epsilon_up_the_loss(encoder: Any) -> None:
    embedding = encoder.get_input_embeddings()
    encoder.embeddings.requires_grad_(False)  # frozen embeddings are moved all the same
    adversary = FastGradient(embedding, epsilon=0.5)
    wanted = torch.randn(2, WIDTH, generator=torch.Generator().manual_seed(1))
    seen: list[torch.Tensor] = []

    def loss() -> torch.Tensor:
        return functional.mse_loss(hidden(encoder)[:, 0], wanted)

    before = embedding.weight.clone()
    plain = hidden(encoder).detach()
    with adversary.watched():
        first = loss()
        first.backward()
    gradient = encoder.encoder.layer[0].output.dense.weight.grad.clone()
    with adversary.perturbed():
        spy = embedding.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
        second = loss()
        spy.remove()
        second.backward()
    ids, _ = batch()
    moved = (seen[0] - embedding(ids)).flatten(1).norm(dim=1)
    assert torch.allclose(moved, torch.full((2,), 0.5), atol=1e-4)
    assert float(second.detach()) > float(first.detach())
    assert not torch.equal(encoder.encoder.layer[0].output.dense.weight.grad, gradient)  # both count
    assert torch.equal(embedding.weight, before)
    assert torch.equal(hidden(encoder), plain)


def test_a_failure_inside_leaves_nothing_moved(encoder: Any) -> None:
    adversary = FastGradient(encoder.get_input_embeddings(), epsilon=0.5)
    plain = hidden(encoder).detach()
    with pytest.raises(ValueError, match="backward pass inside watched"), adversary.perturbed():
        pass
    with adversary.watched():
        hidden(encoder)[:, 0].square().sum().backward()
    with pytest.raises(RuntimeError, match="stop"), adversary.perturbed():
        raise RuntimeError("stop")
    assert torch.equal(hidden(encoder), plain)


# --- Several tasks ---


def test_weights_are_those_given_or_learned_from_uncertainty() -> None:
    losses = {"intents": torch.tensor(2.0), "slots": torch.tensor(0.1), "contrastive": torch.tensor(5.0)}
    fixed = TaskWeights({"intents": 1.0, "slots": 0.5, "contrastive": 0.0})
    assert float(fixed(losses)) == pytest.approx(2.05)
    learned = TaskWeights({"intents": 1.0, "slots": 0.5, "contrastive": 0.0}, learned=True)
    assert float(learned(losses).detach()) == pytest.approx(2.05)
    assert list(learned.log_variances) == ["intents", "slots"]
    rates = torch.optim.Adam(learned.parameters(), lr=0.1)
    for _ in range(200):
        rates.zero_grad()
        learned(losses).backward()
        rates.step()
    # The minimum of exp(-s) w L + s / 2 lies at exp(-s) = 1 / (2 w L).
    assert learned.current()["intents"] == pytest.approx(1 / 4, rel=0.05)
    assert learned.current()["slots"] == pytest.approx(0.5 / (2 * 0.05), rel=0.05)
    with pytest.raises(KeyError):
        fixed({"other": torch.tensor(1.0)})
    with pytest.raises(ValueError, match="must be 0 or above"):
        TaskWeights({"slots": -1.0})


# --- Self-training ---


def test_chooses_the_surest_of_each_label() -> None:
    rows = np.array([[0.9, 0.1], [0.8, 0.2], [0.95, 0.05], [0.4, 0.6], [0.1, 0.9], [0.75, 0.25]], np.float32)
    found = self_training.choose(rows, confidence=0.7, per_label=2)
    assert found.positions.tolist() == [0, 2, 4]
    assert np.array_equal(found.targets, rows[[0, 2, 4]])
    assert not len(self_training.choose(rows, confidence=0.99, per_label=2).positions)
    assert not len(self_training.choose(rows[:0], confidence=0.5, per_label=2).positions)


def test_similar_texts_agree() -> None:
    # Two places; what the teacher took for the wrong label lies among others of the right one.
    generator = np.random.default_rng(0)
    centres = np.eye(4, dtype=np.float32)[:2]
    places = np.repeat(centres, 6, axis=0) + 0.1 * generator.standard_normal((12, 4)).astype(np.float32)
    sentences = places / np.linalg.norm(places, axis=1, keepdims=True)
    said = np.repeat(np.array([[0.8, 0.2], [0.2, 0.8]], np.float32), 6, axis=0)
    said[0] = [0.4, 0.6]
    before = said.copy()
    agreed = self_training.propagate(said, sentences, centres[:, :2], centres, neighbours=3)
    assert agreed.argmax(axis=1).tolist() == [0] * 6 + [1] * 6
    assert np.allclose(agreed.sum(axis=1), 1.0, atol=1e-5)
    assert np.array_equal(said, before)
    alone = self_training.propagate(said[:1], sentences[:1], centres[:0, :2], centres[:0], neighbours=3)
    assert np.array_equal(alone, said[:1])


def test_known_labels_stay_and_are_heard() -> None:
    sentences = np.array([[1.0, 0.0]], np.float32)
    agreed = self_training.propagate(
        np.array([[0.5, 0.5]], np.float32),
        sentences,
        np.array([[0.0, 1.0]], np.float32),
        sentences,
        neighbours=1,
    )
    assert np.allclose(agreed, [[0.25, 0.75]])


def test_of_several_labels_each_must_be_sure() -> None:
    rows = np.array([[0.9, 0.95], [0.9, 0.6], [0.1, 0.05]], np.float32)
    found = self_training.choose(rows, confidence=0.8, per_label=5, multi_label=True)
    assert found.positions.tolist() == [0, 2]
    assert found.targets.tolist() == [[1.0, 1.0], [0.0, 0.0]]


def test_a_plain_network_learns_the_same_through_each_method(encoder: Any) -> None:
    model = UnderstandingModel(parameter_efficient.attach(encoder, "lora", 2, 4.0), 3, dropout=0.0)
    ids, mask = batch()
    output = model(ids, mask)
    assert output.intents.shape == (2, 3)
    assert torch.allclose(output.sentence.norm(dim=1), torch.ones(2), atol=1e-5)
