"""Label a sample of the test rows without training, by the methods that are on.

Reads data/splits/test.parquet and data/interim/labels.json.
Writes predictions/zero_shot/: one Parquet file per method, zero_shot.json (sample and methods), and answers.jsonl, the
answers of endpoints of all runs. Those of an unfinished run are in scratch/zero_shot/, and the next run asks the rest.
"""

from complaints.core import config, paths, stage
from complaints.core.files import read_json
from complaints.scoring import zero_shot as files
from complaints.zero_shot.params import ZeroShotParams
from complaints.zero_shot.run import write_nothing, write_zero_shot
from complaints.zero_shot.sample import draw_sample


def main() -> None:
    """Run the stage."""
    p = config.load("zero_shot", ZeroShotParams)
    output = paths.PREDICTIONS / files.FOLDER
    if not p.is_on:
        write_nothing(output)
        return
    sample = draw_sample(paths.SPLITS, p.rows, p.seed)
    write_zero_shot(p, sample, read_json(paths.LABELS), output, paths.SCRATCH / "zero_shot" / "answers.jsonl")


if __name__ == "__main__":
    stage.run(main)
