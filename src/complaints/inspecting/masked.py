"""Masked-token probe: what a masked language model puts in a blank with the left, the right, and both contexts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from complaints.attribution.gradients import Input, read_input
from complaints.attribution.words import Stretch
from complaints.backbones.model_files import read_config
from complaints.backbones.pretrained import is_decoder
from complaints.backbones.resolve import Backbone
from complaints.inspecting.coloured import without_personal_data
from complaints.modeling.loading import load_pretrained

CONTEXTS = ("both", "left", "right")
"""Contexts that the model sees; the other side is hidden."""
FILLS = 3
"""Fills that are named."""
MOST_BLANKS = 4


@dataclass(frozen=True)
class Blank:
    """One word of a text as a blank, seen with one context."""

    word: str
    context: str
    fills: list[tuple[str, float]]
    """The most probable tokens and their probabilities."""
    probability: float
    """Probability of the word itself."""
    rank: int
    """Its rank among all tokens, from 1."""


class MaskedWords:
    """A backbone with its own masked-language-model head."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        """Take the model, on its device and in evaluation mode."""
        self.model, self.tokenizer = model, tokenizer

    def blanks(self, text: str, words: Sequence[Stretch], max_length: int, truncation: str) -> list[Blank]:
        """Return the fills of some words, those that are one token; at most MOST_BLANKS, in their order."""
        given = read_input(self.tokenizer, text, max_length, truncation)
        shown = without_personal_data(text)
        places = {span: place for place, span in enumerate(given.offsets)}
        found = [(word, places[word.start, word.end]) for word in words if (word.start, word.end) in places]
        return [
            self._fill(given, place, shown[word.start : word.end], context)
            for word, place in found[:MOST_BLANKS]
            for context in CONTEXTS
        ]

    def _fill(self, given: Input, place: int, word: str, context: str) -> Blank:
        probabilities = self.probabilities(given, place, context)
        own = probabilities[given.ids[place]]
        best = probabilities.topk(FILLS)
        fills = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        named = [(self.tokenizer.decode([token]).strip(), probability) for token, probability in fills]
        return Blank(word, context, named, float(own), int((probabilities > own).sum()) + 1)

    def probabilities(self, given: Input, place: int, context: str) -> torch.Tensor:
        """Return the probability of each token in a blank, float64 [vocabulary].

        The hidden side is masked out of the attention, so that the positions of all other tokens stay; special tokens
        are seen always.

        Args:
            given: The tokens of a text.
            place: Index of the blank.
            context: `both`, `left` or `right`: the side that is seen.
        """
        ids = given.ids.clone()
        ids[place] = self.tokenizer.mask_token_id
        seen = torch.ones_like(ids)
        if context != "both":
            hidden = slice(place + 1, None) if context == "left" else slice(0, place)
            of_text = torch.tensor([start < end for start, end in given.offsets])
            seen[hidden] = (~of_text[hidden]).long()
        device = next(self.model.parameters()).device
        with torch.no_grad():
            logits = self.model(input_ids=ids[None].to(device), attention_mask=seen[None].to(device)).logits
        return logits[0, place].double().softmax(-1).cpu()


def load_masked_words(backbone: Backbone, tokenizer: Any, device: torch.device) -> MaskedWords | str:
    """Return the probe of a backbone's own files, or the reason why it has none.

    Args:
        backbone: The backbone; the stage pretrain keeps no head, so that its output has none.
        tokenizer: Its tokenizer.
        device: The device to compute on.

    Raises:
        UserError: if the files are not a complete model.
    """
    from transformers import AutoModelForMaskedLM
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

    model_type = read_config(backbone.folder)["model_type"]
    if is_decoder(model_type):
        return "a decoder is trained to continue a text, and never sees the right context"
    if model_type not in MODEL_FOR_MASKED_LM_MAPPING_NAMES or tokenizer.mask_token_id is None:
        return "it has no mask token, or no masked-language-model head is known for its architecture"
    model, random = load_pretrained(backbone.folder, AutoModelForMaskedLM)
    if random:
        return "its files have no masked-language-model head, as those of sentence encoders, and none is made up"
    return MaskedWords(model.to(device).eval(), tokenizer)
