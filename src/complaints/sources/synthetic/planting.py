"""The synthetic complaints get their texts: new ones, copies, texts under a wrong label, and blanks."""

import datetime
from dataclasses import dataclass, field

from complaints.sources.synthetic import noise
from complaints.sources.synthetic.banks import Banks, Issue
from complaints.sources.synthetic.draws import Draws
from complaints.sources.synthetic.writer import Voice, Writer, voice_for

NEW_FORM = datetime.date(2017, 4, 24)
"""The day on which the CFPB reworded its complaint form."""

DROPPED_BELOW = 5
"""An issue with fewer complaints than this in issues.yaml keeps them whatever the size of the corpus."""
LETTER_SHARE = 0.055
"""Of the complaints of an issue that has template letters, so many are such letters."""
RESENT_SHARE = 0.011
TWO_LABEL_SHARE = 0.0026
BLANK_SHARE = 0.003
WRONG_SHARE = 0.1
BLANKS = ("", " ", "\n", "   ", "\t")
LARGE = 30
"""Only issues with this many complaints have blank ones and copies, so that no small class vanishes."""


@dataclass
class Complaint:
    """A row in the making. `issue` is the class that its label stands for; the text may speak of another."""

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
    """What was put in on purpose, as places in the list of complaints."""

    exact: list[list[int]] = field(default_factory=list)
    near: list[list[int]] = field(default_factory=list)
    two_labels: list[list[int]] = field(default_factory=list)
    blank: list[int] = field(default_factory=list)
    wrong: dict[int, str] = field(default_factory=dict)


class Planter:
    """Gives every complaint its text and keeps account of what was planted; a place leaves `free` when it has one."""

    def __init__(self, draws: Draws, banks: Banks, complaints: list[Complaint]) -> None:
        """Begin with complaints that have a label and a day, but no text."""
        self.draws, self.banks, self.complaints = draws, banks, complaints
        self.writer = Writer(banks)
        self.planted = Planted()
        self.free = list(range(len(complaints)))
        self.seen: set[str] = set()
        self.told: set[tuple[str, ...]] = set()
        sizes: dict[str, int] = {}
        for complaint in complaints:
            sizes[complaint.issue.name] = sizes.get(complaint.issue.name, 0) + 1
        self.large = {name for name, size in sizes.items() if size >= LARGE}

    def plant(self) -> Planted:
        """Write all texts, and return where copies, wrong labels and blanks are."""
        rows = len(self.complaints)
        for name, letters in self.banks.letters.items():
            self._letters(name, letters)
        for _ in range(int(rows * RESENT_SHARE)):
            self._resent()
        for _ in range(int(rows * TWO_LABEL_SHARE)):
            self._under_two_labels()
        for place in self._some_large(int(rows * BLANK_SHARE)):
            self._set(place, self.draws.pick(BLANKS), self._voice(place))
            self.planted.blank.append(place)
        for place in self.draws.some(self.free, int(rows * WRONG_SHARE)):
            self._mislabelled(place)
        for place in list(self.free):
            voice = self._voice(place)
            self._set(place, self._new(self.complaints[place].issue, voice), voice)
        return self.planted

    def _voice(self, place: int) -> Voice:
        complaint = self.complaints[place]
        return voice_for(self.draws, self.banks, complaint.issue, complaint.day)

    def _new(self, issue: Issue, voice: Voice, plain: bool = False) -> str:
        """Return a text that is no copy of another one, nor nearly so unless the banks are exhausted."""
        attempts = 0
        while True:
            written, longest = self.writer.complaint(self.draws, issue, voice, plain)
            text = noise.typed(self.draws, written, self.banks.misspellings)
            attempts += 1
            if text.casefold() not in self.seen and (longest not in self.told or attempts > 50):
                self.told.add(longest)
                return text

    def _set(self, place: int, text: str, voice: Voice) -> None:
        complaint = self.complaints[place]
        complaint.text = text
        complaint.product = voice.area.before if complaint.day < NEW_FORM else voice.area.after
        self.seen.add(text.casefold())
        self.free.remove(place)

    def _some_large(self, count: int) -> list[int]:
        places = [place for place in self.free if self.complaints[place].issue.name in self.large]
        return self.draws.some(places, count)

    def _near_in_time(self, place: int, original: Complaint, days: int) -> None:
        complaint = self.complaints[place]
        day = original.day + datetime.timedelta(days=self.draws.between(0, days))
        complaint.day = min(max(day, complaint.first), complaint.last)

    def _copies(self, places: list[int], text: str, voice: Voice, exact: bool) -> None:
        """Give the first place the text and the others copies of it."""
        (self.planted.exact if exact else self.planted.near).append(places)
        texts = [text]
        while len(texts) < len(places):
            copy = text if exact else noise.edited(self.draws, text)
            if exact or copy not in texts:
                texts.append(copy)
        for place, copy in zip(places, texts, strict=True):
            self._near_in_time(place, self.complaints[places[0]], 90)
            self._set(place, copy, voice)

    def _letters(self, name: str, letters: tuple[str, ...]) -> None:
        """Let families of complaints of one issue and wording be copies of one letter each."""
        size = sum(complaint.issue.name == name for complaint in self.complaints)
        letters = letters[: int(size * LETTER_SHARE) // 2]
        for letter in letters:
            usual = int(size * LETTER_SHARE) // len(letters)
            places = [place for place in self.free if self.complaints[place].issue.name == name]
            label = self.complaints[self.draws.pick(places)].label
            family = [place for place in places if self.complaints[place].label == label]
            family = family[: max(2, self.draws.between(usual * 2 // 3, usual * 4 // 3))]
            if len(family) > 1:
                voice = self._voice(family[0])
                text = self.writer.letter(self.draws, letter, voice)
                self._copies(family, text, voice, exact=self.draws.chance(0.4))

    def _resent(self) -> None:
        """Let somebody file an ordinary complaint a second time."""
        for place in self._some_large(1):
            label = self.complaints[place].label
            again = [other for other in self.free if other != place and self.complaints[other].label == label][:1]
            voice = self._voice(place)
            text = self._new(self.complaints[place].issue, voice)
            if again:
                self._copies([place, *again], text, voice, exact=self.draws.chance(0.5))

    def _under_two_labels(self) -> None:
        """Let somebody file one complaint under two issues on the same day."""
        for place in self._some_large(1):
            complaint = self.complaints[place]
            others = [
                other
                for other in self.free
                if self.complaints[other].issue.name in complaint.issue.neighbours
                and self.complaints[other].first <= complaint.day <= self.complaints[other].last
            ]
            if others:
                voice = self._voice(place)
                text = self._new(complaint.issue, voice)
                pair = [place, others[0]]
                self.complaints[others[0]].day = complaint.day
                for either in pair:
                    self._set(either, text, voice)
                self.planted.exact.append(pair)
                self.planted.two_labels.append(pair)

    def _mislabelled(self, place: int) -> None:
        """Let the text speak of another issue than the label, most often of one that people confuse with it."""
        complaint = self.complaints[place]
        others = [i for i in self.banks.issues.values() if i is not complaint.issue and i.complaints >= DROPPED_BELOW]
        issue = self.draws.weighted(others, [other.complaints for other in others])
        near = [i for i in others if i.name in complaint.issue.neighbours]
        if near and self.draws.chance(0.6):
            issue = self.draws.pick(near)
        voice = voice_for(self.draws, self.banks, issue, complaint.day)
        self._set(place, self._new(issue, voice, plain=True), voice)
        self.planted.wrong[place] = issue.name
