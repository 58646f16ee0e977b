"""Parameters of the stage fetch for small files."""

from pathlib import Path

from complaints.sources.params import CfpbParams, ColumnParams, FetchParams, FileParams, SampleParams

COLUMNS = ColumnParams("text", "label", "id", None, None, None)


def fetch_params(path: Path, source: str = "file", encoding: str = "utf-8") -> FetchParams:
    return FetchParams(
        source,
        str(path),
        False,
        SampleParams(300, 5),
        FileParams("auto", encoding, COLUMNS),
        CfpbParams(None, None, None),
    )  # type: ignore[arg-type]
