"""Few parameters learn, on an encoder with random weights."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional
from transformers import BertConfig, BertModel

from tests.unit.training.understanding.small import WIDTH, batch, hidden, small_bert
from training.understanding.arguments import UnderstandingArguments
from training.understanding.methods import parameter_efficient
from training.understanding.rates import freeze


@pytest.fixture
def encoder() -> Any:
    return small_bert()


@pytest.mark.parametrize(("method", "rank"), [("lora", 2), ("adapter", 2), ("prefix", 3), ("ia3", 1)])
def test_learns_with_few_parameters_and_leaves_the_others(encoder: Any, method: Any, rank: int) -> None:
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    whole = parameter_efficient.share(encoder).total
    attached = parameter_efficient.attach(encoder, method, rank, alpha=4.0)
    few = parameter_efficient.share(attached)
    assert 0 < few.trainable < 0.12 * whole

    plain = hidden(attached).detach()
    rates = torch.optim.Adam([p for p in attached.parameters() if p.requires_grad], lr=0.05)
    wanted = torch.randn(2, WIDTH, generator=torch.Generator().manual_seed(1))
    seen = []
    for _ in range(8):
        loss = functional.mse_loss(hidden(attached)[:, 0], wanted)
        rates.zero_grad()
        loss.backward()
        rates.step()
        seen.append(float(loss.detach()))
    assert seen[-1] < seen[0] - 0.01
    assert float((hidden(attached).detach() - plain).abs().max()) > 0.01

    # What was pretrained is as it was, under whatever name it has now.
    now = list(attached.state_dict().items())
    for name, value in before.items():
        tail = name.rsplit(".", 1)[-1]
        same = [other for key, other in now if key.endswith(tail) and other.shape == value.shape]
        assert any(torch.equal(other, value) for other in same), name


@pytest.mark.parametrize(
    ("method", "merged"), [("lora", True), ("ia3", True), ("adapter", False), ("prefix", False)]
)
def test_merges_into_the_encoder_what_can_be(encoder: Any, method: Any, merged: bool) -> None:
    names = set(encoder.state_dict())
    attached = parameter_efficient.attach(encoder, method, 2, alpha=4.0)
    with torch.no_grad():
        for parameter in attached.parameters():
            if parameter.requires_grad:
                parameter.add_(0.3 * torch.randn_like(parameter))
    attached.eval()
    wanted = hidden(attached)
    plain = parameter_efficient.merge(attached, method)
    assert (set(plain.state_dict()) == names) is merged
    assert torch.allclose(hidden(plain), wanted, atol=1e-5)


@pytest.mark.parametrize("method", ["lora", "ia3", "adapter"])
def test_begins_as_the_encoder_was(encoder: Any, method: Any) -> None:
    before = hidden(encoder)
    assert torch.allclose(
        hidden(parameter_efficient.attach(encoder, method, 2, alpha=4.0).eval()), before, atol=1e-6
    )


def test_a_prefix_is_seen_by_every_token_but_moves_none(encoder: Any) -> None:
    attached = parameter_efficient.attach(encoder, "prefix", 3, alpha=1.0).eval()
    ids, mask = batch()
    whole = attached(input_ids=ids, attention_mask=mask).last_hidden_state
    alone = attached(input_ids=ids[1:, :4], attention_mask=mask[1:, :4]).last_hidden_state
    assert whole.shape == (2, 6, WIDTH)
    assert torch.allclose(whole[1, :4], alone[0], atol=1e-6)  # padding changes nothing


def test_lora_of_the_default_rank_trains_at_most_2_percent_of_what_full_fine_tuning_does() -> None:
    arguments = UnderstandingArguments()
    with torch.device("meta"):
        config = BertConfig(vocab_size=30522, hidden_size=384, num_hidden_layers=6, intermediate_size=1536)
        encoder = BertModel(config, add_pooling_layer=False)
        freeze(encoder, arguments)
        head = 385 * 77
        full = parameter_efficient.share(encoder).trainable + head
        attached = parameter_efficient.attach(encoder, "lora", arguments.peft_rank, arguments.peft_alpha)
        few = parameter_efficient.share(attached).trainable + head
    assert few / full <= 0.02


def test_adapters_name_an_encoder_that_has_no_layers() -> None:
    with pytest.raises(ValueError, match=r"Linear has no encoder\.layer"):
        parameter_efficient.attach(nn.Linear(2, 2), "adapter", 2, alpha=1.0)
