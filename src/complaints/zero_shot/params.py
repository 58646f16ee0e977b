"""Parameters of the stage zero_shot."""

import re
from typing import Literal, Self

from pydantic import model_validator

from complaints.backbones.params import MaxLength
from complaints.core.section import Count, NotNegative, Positive, Section, Seed, Text, rule

TEXT_FIELD = "{text}"
"""Place of the complaint in a prompt."""
LABELS_FIELD = "{labels}"
"""Place of the class names in the prompt of an endpoint."""
ADDRESS = re.compile(r"https?://[^/@?#\s]+(/[^@?#\s]*)?")


class NamesParams(Section):
    """The method `names`: cosine similarity of a text's embedding and those of the class names."""

    backbone: Text | None
    max_length: MaxLength


class LikelihoodParams(Section):
    """The method `likelihood`: a decoder's likelihood of each class name after a prompt."""

    backbone: Text | None
    prompt: Text
    max_length: MaxLength
    length_normalised: bool
    pmi: bool

    @model_validator(mode="after")
    def _prompt_has_the_text_before_its_end(self) -> Self:
        if self.prompt.count(TEXT_FIELD) != 1 or not self.prompt.partition(TEXT_FIELD)[2].strip():
            raise rule("prompt", f"must have {TEXT_FIELD} once, and words after it, such as 'The issue is:'")
        return self


class PriceParams(Section):
    """Price per million tokens, in any currency; None if it is not known."""

    input: NotNegative | None
    output: NotNegative | None


class EndpointParams(Section):
    """The method `endpoint`: a chat model behind the HTTP protocol of OpenAI."""

    url: Text | None
    model: Text | None
    send_complaints: bool
    prompt: Text
    answer_format: Literal["json_schema", "text"]
    request: dict[str, bool | int | float | str]
    max_characters: Count
    requests_per_minute: Positive
    price: PriceParams
    max_cost: NotNegative

    @model_validator(mode="after")
    def _endpoint_has_a_model(self) -> Self:
        if self.url is not None and not ADDRESS.fullmatch(self.url):
            raise rule("url", "must begin with http:// or https://, without user name and query: https://host/v1")
        if self.url is not None and self.model is None:
            raise rule("model", "is missing; name the model that the endpoint of url is to use")
        for key, price in self.price.model_dump().items() if self.url is not None else ():
            if price is None:
                raise rule(("price", key), "is missing; name it per million tokens, 0 for a server of your own")
        if self.answer_format == "text" and LABELS_FIELD not in self.prompt:
            raise rule(
                "prompt", f"must have {LABELS_FIELD} where the answer_format is text: nothing else names the classes"
            )
        if taken := sorted(self.request.keys() & {"model", "messages", "response_format", "stream"}):
            raise rule(("request", taken[0]), "is set by the stage; remove it")
        return self


class ZeroShotParams(Section):
    """The sample, and the methods that answer it; a method without a backbone or url is off."""

    rows: Count
    seed: Seed
    numerics: Literal["portable", "fast"]
    precision: Literal["auto", "fp32", "bf16", "fp16"]
    names: NamesParams
    likelihood: LikelihoodParams
    endpoint: EndpointParams

    @model_validator(mode="after")
    def _portable_is_fp32(self) -> Self:
        if self.numerics == "portable" and self.precision not in ("auto", "fp32"):
            raise rule("numerics", f"is 'portable', which computes in fp32; set it to fast for {self.precision}")
        return self

    @property
    def is_on(self) -> bool:
        """Return whether any method is on."""
        return any((self.names.backbone, self.likelihood.backbone, self.endpoint.url))
