"""Texts of the synthetic complaints: new texts, duplicates, texts under a wrong label, and blanks."""

import datetime
from dataclasses import dataclass, field

from complaints.sources.synthetic import noise
from complaints.sources.synthetic.banks import Banks, Issue
from complaints.sources.synthetic.draws import Draws
from complaints.sources.synthetic.writer import Voice, Writer, voice_for

NEW_FORM = datetime.date(2017, 4, 24)
"""The day on which the CFPB reworded its complaint form."""

DROPPED_BELOW = 5
"""An issue with fewer complaints than this in issues.yaml keeps that number in a corpus of any size."""
LETTER_SHARE = 0.055
"""Share of template letters among the complaints of an issue that has any."""
RESENT_SHARE = 0.011
TWO_LABEL_SHARE = 0.0026
BLANK_SHARE = 0.003
WRONG_SHARE = 0.1
BLANKS = ("", " ", "\n", "   ", "\t")
LARGE = 30
"""Only issues with at least this many complaints have blanks and duplicates, so that no small class vanishes."""


@dataclass
class Complaint:
    """A row under construction: `issue` is the class of its label; its text may describe another issue."""

    issue: Issue
    label: str
    first: datetime.date
    last: datetime.date
    day: datetime.date
    row_id: str = ""
    text: str = ""
    product: str = ""


@dataclass
class Planted:
    """Ground truth, as indices into the list of complaints."""

    exact: list[list[int]] = field(default_factory=list)
    near: list[list[int]] = field(default_factory=list)
    two_labels: list[list[int]] = field(default_factory=list)
    blank: list[int] = field(default_factory=list)
    wrong: dict[int, str] = field(default_factory=dict)


class Planter:
    """Writes the text of every complaint and records the ground truth; `free` has the indices without a text."""

    def __init__(self, draws: Draws, banks: Banks, complaints: list[Complaint]) -> None:
        """Start with complaints that have a label and a day, but no text."""
        self.draws, self.banks, self.complaints = draws, banks, complaints
        self.writer = Writer(banks)
        self.planted = Planted()
        self.free = list(range(len(complaints)))
        self.used_texts: set[str] = set()
        self.used_longest: set[tuple[str, ...]] = set()
        sizes: dict[str, int] = {}
        for complaint in complaints:
            sizes[complaint.issue.name] = sizes.get(complaint.issue.name, 0) + 1
        self.large = {name for name, size in sizes.items() if size >= LARGE}

    def plant(self) -> Planted:
        """Write all texts, and return the indices of duplicates, wrong labels and blanks."""
        rows = len(self.complaints)
        for name, letters in self.banks.letters.items():
            self._letters(name, letters)
        for _ in range(int(rows * RESENT_SHARE)):
            self._resent()
        for _ in range(int(rows * TWO_LABEL_SHARE)):
            self._under_two_labels()
        for index in self._some_large(int(rows * BLANK_SHARE)):
            self._set(index, self.draws.pick(BLANKS), self._voice(index))
            self.planted.blank.append(index)
        for index in self.draws.some(self.free, int(rows * WRONG_SHARE)):
            self._mislabelled(index)
        for index in list(self.free):
            voice = self._voice(index)
            self._set(index, self._new(self.complaints[index].issue, voice), voice)
        return self.planted

    def _voice(self, index: int) -> Voice:
        complaint = self.complaints[index]
        return voice_for(self.draws, self.banks, complaint.issue, complaint.day)

    def _new(self, issue: Issue, voice: Voice, plain: bool = False) -> str:
        """Return a text that is not a duplicate of another, nor a near duplicate unless the banks run out."""
        attempts = 0
        while True:
            written, longest = self.writer.complaint(self.draws, issue, voice, plain)
            text = noise.typed(self.draws, written, self.banks.misspellings)
            attempts += 1
            if text.casefold() not in self.used_texts and (longest not in self.used_longest or attempts > 50):
                self.used_longest.add(longest)
                return text

    def _set(self, index: int, text: str, voice: Voice) -> None:
        complaint = self.complaints[index]
        complaint.text = text
        complaint.product = voice.area.before if complaint.day < NEW_FORM else voice.area.after
        self.used_texts.add(text.casefold())
        self.free.remove(index)

    def _some_large(self, count: int) -> list[int]:
        indices = [index for index in self.free if self.complaints[index].issue.name in self.large]
        return self.draws.some(indices, count)

    def _near_in_time(self, index: int, original: Complaint, days: int) -> None:
        complaint = self.complaints[index]
        day = original.day + datetime.timedelta(days=self.draws.between(0, days))
        complaint.day = min(max(day, complaint.first), complaint.last)

    def _duplicates(self, indices: list[int], text: str, voice: Voice, exact: bool) -> None:
        """Set the text of the first complaint, and duplicates of it as the texts of the others."""
        (self.planted.exact if exact else self.planted.near).append(indices)
        texts = [text]
        while len(texts) < len(indices):
            duplicate = text if exact else noise.edited(self.draws, text)
            if exact or duplicate not in texts:
                texts.append(duplicate)
        for index, duplicate in zip(indices, texts, strict=True):
            self._near_in_time(index, self.complaints[indices[0]], 90)
            self._set(index, duplicate, voice)

    def _letters(self, name: str, letters: tuple[str, ...]) -> None:
        """Make groups of complaints of one issue and wording duplicates of one letter each."""
        size = sum(complaint.issue.name == name for complaint in self.complaints)
        letters = letters[: int(size * LETTER_SHARE) // 2]
        for letter in letters:
            usual = int(size * LETTER_SHARE) // len(letters)
            indices = [index for index in self.free if self.complaints[index].issue.name == name]
            label = self.complaints[self.draws.pick(indices)].label
            family = [index for index in indices if self.complaints[index].label == label]
            family = family[: max(2, self.draws.between(usual * 2 // 3, usual * 4 // 3))]
            if len(family) > 1:
                voice = self._voice(family[0])
                text = self.writer.letter(self.draws, letter, voice)
                self._duplicates(family, text, voice, exact=self.draws.chance(0.4))

    def _resent(self) -> None:
        """Make one complaint the duplicate of an ordinary one, as if it were filed again."""
        for index in self._some_large(1):
            label = self.complaints[index].label
            again = [other for other in self.free if other != index and self.complaints[other].label == label][:1]
            voice = self._voice(index)
            text = self._new(self.complaints[index].issue, voice)
            if again:
                self._duplicates([index, *again], text, voice, exact=self.draws.chance(0.5))

    def _under_two_labels(self) -> None:
        """Make two complaints of neighbouring issues exact duplicates, as if one were filed twice on the same day."""
        for index in self._some_large(1):
            complaint = self.complaints[index]
            others = [
                other
                for other in self.free
                if self.complaints[other].issue.name in complaint.issue.neighbours
                and self.complaints[other].first <= complaint.day <= self.complaints[other].last
            ]
            if others:
                voice = self._voice(index)
                text = self._new(complaint.issue, voice)
                pair = [index, others[0]]
                self.complaints[others[0]].day = complaint.day
                for either in pair:
                    self._set(either, text, voice)
                self.planted.exact.append(pair)
                self.planted.two_labels.append(pair)

    def _mislabelled(self, index: int) -> None:
        """Write a text about another issue than the label's, most often one that people confuse with it."""
        complaint = self.complaints[index]
        others = [i for i in self.banks.issues.values() if i is not complaint.issue and i.complaints >= DROPPED_BELOW]
        issue = self.draws.weighted(others, [other.complaints for other in others])
        near = [i for i in others if i.name in complaint.issue.neighbours]
        if near and self.draws.chance(0.6):
            issue = self.draws.pick(near)
        voice = voice_for(self.draws, self.banks, issue, complaint.day)
        self._set(index, self._new(issue, voice, plain=True), voice)
        self.planted.wrong[index] = issue.name
