"""Method `likelihood`: a decoder scores each class name by its likelihood after a prompt with the complaint.

log P(name | prompt) is the sum of the log-probabilities of the name's tokens. It favours short names and those that the
model expects anyway. Domain-conditional PMI (Holtzman et al. 2021, "Surface Form Competition", section 3) corrects the
second: PMI_DC = log P(name | prompt) - log P(name | end of the prompt, without the complaint). Division by the tokens
of the name corrects the first (Brown et al. 2020, section 2.4).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from tqdm.auto import tqdm

from complaints.backbones.pretrained import check_length, check_vocabulary, is_decoder
from complaints.backbones.resolve import Backbone, resolve
from complaints.backbones.tokenizer import load_tokenizer
from complaints.core.errors import UserError
from complaints.modeling.loading import load_pretrained
from complaints.zero_shot.name_tree import NameTree, name_tree
from complaints.zero_shot.params import TEXT_FIELD, LikelihoodParams

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Decoder:
    """A language model in evaluation mode; its output layer is computed in float32 in every precision."""

    body: Any
    """The model without its output layer."""
    output: torch.Tensor
    """Weights of the output layer, float32 [vocabulary, width]."""

    def log_probabilities(self, states: torch.Tensor) -> torch.Tensor:
        """Return the log-probabilities of the next token, float32 [states, vocabulary], of states [states, width]."""
        return torch.log_softmax(states.float() @ self.output.T, dim=-1)


def load_decoder(backbone: Backbone, precision: str, device: torch.device) -> Decoder:
    """Return the decoder of a backbone in a precision.

    Raises:
        UserError: if the backbone is not a complete decoder with its output layer.
    """
    from transformers import AutoModelForCausalLM

    model, new = load_pretrained(backbone.folder, AutoModelForCausalLM)
    if new or not is_decoder(model.config.model_type):
        raise UserError(
            f"zero_shot.likelihood.backbone: {backbone.spec} is not a decoder with its output layer; name a causal "
            "language model"
        )
    output = model.get_output_embeddings().weight.detach().clone().to(device)
    return Decoder(model.base_model.to(device, DTYPES[precision]), output)


@torch.inference_mode()
def log_likelihoods(decoder: Decoder, prompt: list[int], tree: NameTree) -> np.ndarray:
    """Return the log-likelihood of each name after a prompt, float64 [names], in nats.

    The prompt is computed once, and its keys and values are kept. All names follow in one pass as the branches of a
    tree: each node attends to the prompt and its ancestors, at the position that it has in its name.

    Args:
        decoder: The language model.
        prompt: Token ids, at least one.
        tree: The names.
    """
    device, dtype = decoder.output.device, decoder.body.dtype
    first = decoder.body(input_ids=torch.tensor([prompt], device=device), use_cache=True)
    states = first.last_hidden_state[0, -1:]
    if len(tree.tokens):
        after_prompt = np.ones((len(tree.tokens), len(prompt)), bool)
        allowed = torch.from_numpy(np.concatenate([after_prompt, tree.attends], axis=1)).to(device)
        mask = torch.zeros(allowed.shape, dtype=dtype, device=device).masked_fill(~allowed, torch.finfo(dtype).min)
        second = decoder.body(
            input_ids=torch.from_numpy(tree.tokens)[None].to(device),
            attention_mask=mask[None, None],
            position_ids=(torch.from_numpy(tree.depths) + len(prompt))[None].to(device),
            past_key_values=first.past_key_values,
            use_cache=True,
        )
        states = torch.cat([states, second.last_hidden_state[0]])
    found = decoder.log_probabilities(states)[torch.from_numpy(tree.states), torch.from_numpy(tree.targets)]
    return np.bincount(tree.names, found.double().cpu().numpy())


@dataclass(frozen=True)
class Prompts:
    """The prompts of texts as token ids: their fixed beginning and end, and the cut texts between."""

    start: list[int]
    end: list[int]
    texts: list[list[int]]
    premise: list[int]
    """The end alone, after the token that begins a text if the model has one."""

    def of(self, row: int) -> list[int]:
        """Return the prompt of a row."""
        return self.start + self.texts[row] + self.end

    @property
    def longest(self) -> int:
        """Tokens of the longest prompt."""
        return len(self.start) + max(map(len, self.texts), default=0) + len(self.end)


def encode_prompts(tokenizer: Any, prompt: str, texts: list[str], max_length: int) -> Prompts:
    """Return the prompts of texts, each text cut to `max_length` tokens."""
    before, _, after = prompt.partition(TEXT_FIELD)
    start: list[int] = tokenizer(before)["input_ids"]
    end: list[int] = tokenizer(after.rstrip(), add_special_tokens=False)["input_ids"]
    cut = tokenizer(texts, add_special_tokens=False, truncation=True, max_length=max_length)["input_ids"]
    return Prompts(start, end, cut, premise=[*tokenizer("")["input_ids"], *end])


def scores(given: np.ndarray, alone: np.ndarray | None, lengths: np.ndarray | None) -> np.ndarray:
    """Return the scores of the names, float64 [rows, names].

    Args:
        given: Log-likelihood of each name after each prompt, [rows, names].
        alone: Log-likelihood of each name without the complaint, [names]; None for no PMI.
        lengths: Tokens of each name, [names]; None for no normalisation.
    """
    result = given if alone is None else given - alone
    return result if lengths is None else result / lengths


def score_by_likelihood(
    params: LikelihoodParams, accelerator: Accelerator, precision: str, texts: list[str], labels: list[str]
) -> tuple[np.ndarray, dict[str, Any]]:
    """Return the scores as logits, float32 [rows, classes], and a record of how they were computed.

    Args:
        params: The parameters of the method.
        accelerator: The link to the device.
        precision: The precision as resolved on the hardware.
        texts: The complaints; equal ones are computed once.
        labels: The class names, by id.

    Raises:
        UserError: if the backbone cannot be found or loaded, is no decoder, or is too short for the prompts.
    """
    assert params.backbone is not None
    backbone = resolve(params.backbone)
    tokenizer = load_tokenizer(backbone.folder)
    check_vocabulary(backbone.folder, tokenizer)
    distinct = list(dict.fromkeys(texts))
    prompts = encode_prompts(tokenizer, params.prompt, distinct, params.max_length)
    tree = name_tree([tokenizer(f" {label}", add_special_tokens=False)["input_ids"] for label in labels])
    check_length(backbone.folder, prompts.longest + tree.depth)
    decoder = load_decoder(backbone, precision, accelerator.device)
    bar = tqdm(range(len(distinct)), desc="likelihood of the class names", leave=False, disable=None)
    given = np.stack([log_likelihoods(decoder, prompts.of(row), tree) for row in bar])
    alone = log_likelihoods(decoder, prompts.premise, tree) if params.pmi else None
    found = scores(given, alone, tree.lengths if params.length_normalised else None)
    row_of = {text: row for row, text in enumerate(distinct)}
    record = {
        "backbone": backbone.spec,
        "backbone_sha256": backbone.digest,
        "length_normalised": params.length_normalised,
        "pmi": params.pmi,
        "prompt": params.prompt,
        "prompt_tokens": sum(len(prompts.of(row)) for row in range(len(distinct))),
        "name_tokens": {"tree": len(tree.tokens), "all": len(tree.targets)},
        "distinct_texts": len(distinct),
    }
    return found[[row_of[text] for text in texts]].astype(np.float32), record
