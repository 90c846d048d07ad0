"""Prompt-based fine-tuning: intents are read off a masked word.

Schick and Schütze, "Exploiting Cloze Questions for Few Shot Text Classification" (EACL 2021),
https://arxiv.org/abs/2001.07676: a template turns a text into one with a mask ("{text} It is about
{mask}."), and a verbaliser names the word that speaks for each label. As in Hambardzumyan et al., "WARP"
(ACL 2021), https://arxiv.org/abs/2101.00121, the labels' words are vectors that learn; each begins as the
mean of the embeddings of its label's own words. ``logit(label) = transform(h at the mask) . vector + bias``
with the transform of a masked-language head.
"""

import re
from collections.abc import Sequence
from typing import Any

import torch
from tokenizers.processors import TemplateProcessing
from torch import Tensor

from training.understanding.methods.masked_language import MaskedLanguageHead, Transform, give_mask
from training.understanding.model import Output, UnderstandingModel, pool

_WORDS = re.compile(r"[\W_]+")


class PromptedModel(UnderstandingModel):
    """A network whose intent head reads the masked place of its (single) prompt.

    ``mask_id`` is the mask's token. ``sentence`` stays the mean of all tokens, the prompt's among them.
    """

    def __init__(
        self, encoder: Any, intents: int, slot_tags: int = 0, dropout: float = 0.1, *, mask_id: int
    ) -> None:
        super().__init__(encoder, intents, slot_tags, dropout)
        self.mask_id = mask_id
        self.transform = Transform(int(encoder.config.hidden_size))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Output:
        """``input_ids`` and ``attention_mask`` are int64[B, T]."""
        tokens = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        masked = (input_ids == self.mask_id).unsqueeze(-1).to(tokens.dtype)
        vector = self.transform((tokens * masked).sum(1))
        intents = self.intent_head(self.dropout(vector))
        slots = None if self.slot_head is None else self.slot_head(self.dropout(tokens))
        return Output(pool(tokens, attention_mask), tokens, intents, slots)


def put_into(tokenizer: Any, template: str, vocabulary: int) -> int:
    """Make a fast tokenizer put every text into ``template``, and give the mask's id.

    The prompt becomes part of the tokenizer's own post-processing, as its first and last token are: it
    is never cut off, belongs to no characters of the text, and goes wherever tokenizer.json goes.
    ``template`` has ``{text}`` and ``{mask}`` once each; raises ``ValueError`` where it has not.
    """
    if template.count("{text}") != 1 or template.count("{mask}") != 1:
        raise ValueError(f"prompt {template!r}: it needs {{text}} and {{mask}}, once each")
    mask_id = give_mask(tokenizer, vocabulary)
    filled = template.replace("{mask}", tokenizer.mask_token)
    before, after = (part.strip() for part in filled.split("{text}"))
    first, last = tokenizer.cls_token, tokenizer.sep_token
    special = [
        {"id": name, "ids": [tokenizer.convert_tokens_to_ids(name)], "tokens": [name]}
        for name in (first, last)
    ]
    order = [first]
    for name, words in (("[BEFORE]", before), ("$A", ""), ("[AFTER]", after)):
        ids = tokenizer(words, add_special_tokens=False)["input_ids"] if words else []
        if ids:
            special.append({"id": name, "ids": ids, "tokens": tokenizer.convert_ids_to_tokens(ids)})
        if ids or name == "$A":
            order.append(name)
    order.append(last)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=" ".join(order), pair=f"{first} $A {last} $B:1 {last}:1", special_tokens=special
    )
    return mask_id


def verbalise(
    model: PromptedModel, tokenizer: Any, labels: Sequence[str], head: MaskedLanguageHead | None
) -> None:
    """Let the intent head begin as the words of the labels' names, and the transform as ``head``'s.

    ``labels`` are names such as ``card_payment_fee``; ``head`` comes from masked language modelling, and
    without one the transform begins at random.
    """
    if head is not None:
        model.transform.load_state_dict(head.transform.state_dict())
    words = model.encoder.get_input_embeddings().weight
    with torch.no_grad():
        for number, label in enumerate(labels):
            text = _WORDS.sub(" ", label).strip() or label
            ids = tokenizer(text, add_special_tokens=False)["input_ids"]
            if ids:
                model.intent_head.weight[number] = words[ids].mean(0)
                model.intent_head.bias[number] = 0.0 if head is None else head.bias[ids].mean()
