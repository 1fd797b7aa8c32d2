"""Which measurements are taken of which pictures, and what each depends on."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pipeline.console import Console
from pipeline.evaluation import scores
from pipeline.evaluation.asked import SELF, Asked
from pipeline.evaluation.judges import Descriptions, Judge, has_taught
from pipeline.evaluation.painting import Painted
from pipeline.evaluation.photos import FEWEST, Photos, Pictures, dealt
from pipeline.evaluation.references import REAL, References
from pipeline.evaluation.results import Measurement
from pipeline.evaluation.segmenting import Reader, read_pictures
from pipeline.evaluation.subjects import Subject
from pipeline.rows import digest

VERSION = 2
"""Of the measures; another one takes all of them again."""
TRAINED = "photos it was trained on"


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What all measurements of a command share.

    photos: that are judged by.    trained: of each run, by its name, the photos that it learned from.
    judges: the one that says most first.    names: of the classes.
    """

    asked: Asked
    photos: Photos
    references: References
    trained: dict[str, Photos]
    judges: list[Judge]
    reader: Reader
    descriptions: Descriptions
    names: tuple[str, ...]
    console: Console

    @property
    def lots(self) -> scores.Lots:
        return scores.Lots(seed=self.asked.seed, groups=self.photos.groups)

    @property
    def ids(self) -> list[str]:
        return [case.id for case in self.photos.cases]

    @cached_property
    def real(self) -> Pictures:
        return self.photos.pictures(f"{self.asked.split} photos")

    @property
    def eye(self) -> Judge:
        """The first network that shows its maps, by which two pictures can be compared place by place."""
        return next(judge for judge in self.judges if not judge.is_inception)

    def of_run(self, painted: Painted) -> list[Measurement]:
        """All that is measured of the pictures of a run in one style mode."""
        subject, pictures = painted.subject, painted.pictures()
        said = {
            **self._said(subject.name, pictures),
            "style": painted.style,
            "weights": "averaged",
            "weights_digest": subject.weights,
            "checkpoint": subject.about.images_shown,
        }
        measurements = [*self._of_pictures(pictures, said, subject), self._likeness(pictures, said, subject)]
        if painted.style == SELF:
            measurements.append(self._reconstruction(pictures, said))
        if painted.styled_maps:
            measurements.append(self._diversity(painted, said, subject))
        trained = self.trained.get(subject.name)
        if trained:
            measurements.append(self._nearest_trained(pictures, trained, said, subject))
            measurements.append(self._photos_to_nearest_trained(trained, said, subject))
        return measurements

    def of_pair(self, first: Painted, other: Painted) -> list[Measurement]:
        """How much farther the pictures of one run are from the photos than those of another, on the same maps."""
        pictures, theirs = first.pictures(), other.pictures()
        said = {**self._said(f"{other.subject.name} - {first.subject.name}", pictures), "style": first.style}
        return [
            self._measurement(
                "difference",
                judge,
                said,
                (pictures.key, theirs.key, self.real.key),
                lambda judge=judge: scores.difference(
                    *(self._described(judge, few) for few in (self.real, pictures, theirs)),
                    self._network(judge),
                    lots=self.lots,
                ),
            )
            for judge in self.judges
        ]

    def of_reference(self, pictures: Pictures) -> list[Measurement]:
        """The same of pictures that no run has painted."""
        return self._of_pictures(pictures, self._said(pictures.name, pictures), None)

    def of_real(self) -> list[Measurement]:
        """What the photos themselves have: one half against the other, and the segmenter's word about them."""
        said = self._said(REAL, self.real)
        one, other = dealt(self.photos.groups)
        half = {**said, "pictures": len(one), "photos": len(other)}
        of_halves = [
            self._measurement(
                "halves",
                judge,
                half,
                (self.real.key,),
                lambda judge=judge: scores.halves(
                    *(self._described(judge, self.real)[places] for places in (one, other)), self._network(judge)
                ),
            )
            for judge in self.judges
        ]
        return [*(of_halves if min(len(one), len(other)) >= FEWEST else []), self._agreement(self.real, said)]

    def _of_pictures(self, pictures: Pictures, said: dict[str, Any], subject: Subject | None) -> list[Measurement]:
        of_judges = [
            self._measurement(
                "distances",
                judge,
                self._taught(said, judge.digest, subject),
                (pictures.key, self.real.key),
                lambda judge=judge: scores.distances(
                    self._described(judge, self.real),
                    self._described(judge, pictures),
                    self._network(judge),
                    lots=self.lots,
                ),
            )
            for judge in self.judges
        ]
        return [*of_judges, self._agreement(pictures, said, subject)]

    def _agreement(self, pictures: Pictures, said: dict[str, Any], subject: Subject | None = None) -> Measurement:
        def measure() -> scores.Outcome:
            what = f"{self.reader.segmenter.name} reads {pictures.name}"
            with self.console.bar(what, unit="picture", total=len(pictures)) as bar:
                confusion = read_pictures(self.reader, pictures, self.photos, on_picture=bar.step)
            return scores.agreement(
                confusion,
                self.reader.prefix,
                judge=self.reader.segmenter.name,
                names=self.names,
                ids=self.ids,
                lots=self.lots,
            )

        said = self._taught(
            {**said, "judge_digest": self.reader.segmenter.digest}, self.reader.segmenter.digest, subject
        )
        return self._measurement("agreement", None, said, (pictures.key, self.photos.key, self.reader.key), measure)

    def _likeness(self, pictures: Pictures, said: dict[str, Any], subject: Subject) -> Measurement:
        return self._measurement(
            "likeness",
            self.eye,
            self._taught(said, self.eye.digest, subject),
            (pictures.key, self.real.key),
            lambda: scores.likeness(
                self.real.batches(), pictures.batches(), self._network(self.eye), ids=self.ids, lots=self.lots
            ),
        )

    def _reconstruction(self, pictures: Pictures, said: dict[str, Any]) -> Measurement:
        return self._measurement(
            "reconstruction",
            None,
            said,
            (pictures.key, self.real.key),
            lambda: scores.reconstruction(self.real.batches(), pictures.batches(), ids=self.ids, lots=self.lots),
        )

    def _diversity(self, painted: Painted, said: dict[str, Any], subject: Subject) -> Measurement:
        places = range(painted.styled_maps)
        keys = [painted.key(place, sample) for place in places for sample in range(painted.samples_of(place))]
        said = {**said, "pictures": len(keys), "photos": 0}
        return self._measurement(
            "diversity",
            self.eye,
            self._taught(said, self.eye.digest, subject),
            keys,
            lambda: scores.diversity(
                (painted.samples(place) for place in places), self._network(self.eye), lots=self.lots
            ),
        )

    def _nearest_trained(
        self, pictures: Pictures, trained: Photos, said: dict[str, Any], subject: Subject
    ) -> Measurement:
        judge, theirs = self.judges[0], trained.pictures(TRAINED)
        return self._measurement(
            "nearest trained",
            judge,
            self._taught({**said, "photos": len(trained)}, judge.digest, subject),
            (pictures.key, theirs.key),
            lambda: scores.nearest_trained(
                self._described(judge, pictures),
                self.descriptions.of(judge, theirs, keeps=True),
                self._network(judge),
                ids=self.ids,
                trained_ids=[case.id for case in trained.cases],
                lots=self.lots,
            ),
        )

    def _photos_to_nearest_trained(self, trained: Photos, said: dict[str, Any], subject: Subject) -> Measurement:
        """Beside the pictures of each run, as each has learned from other photos."""
        judge, theirs = self.judges[0], trained.pictures(TRAINED)
        return self._measurement(
            "photos to nearest trained",
            judge,
            {**said, "pictures": len(self.photos), "photos": len(trained)},
            (self.real.key, theirs.key, subject.weights),
            lambda: scores.photos_to_nearest_trained(
                self._described(judge, self.real),
                self.descriptions.of(judge, theirs, keeps=True),
                self._network(judge),
                lots=self.lots,
            ),
        )

    def _measurement(
        self, what: str, judge: Judge | None, said: dict[str, Any], depends_on: Iterable[object], measure: Any
    ) -> Measurement:
        seen_by = judge.digest if judge else ""
        said = {"judge_digest": seen_by, **said}
        shared = (said["of"], said["style"], said["split"], said["seed"], self.photos.size, self.photos.groups)
        key = digest(repr((VERSION, what, seen_by, shared, list(depends_on))).encode())
        return Measurement(key=key, said=said, measure=measure)

    def _said(self, of: str, pictures: Pictures) -> dict[str, Any]:
        height, width = self.photos.size
        return {
            "of": of,
            "split": self.asked.split,
            "style": "",
            "pictures": len(pictures),
            "photos": len(self.photos),
            "width": width,
            "height": height,
            "seed": self.asked.seed,
            "learned_from": False,
            "weights": "",
            "weights_digest": "",
            "checkpoint": None,
        }

    def _taught(self, said: dict[str, Any], digest: str, subject: Subject | None) -> dict[str, Any]:
        return {**said, "learned_from": subject is not None and has_taught(digest, subject)}

    def _described(self, judge: Judge, pictures: Pictures) -> Any:
        return self.descriptions.of(judge, pictures)

    def _network(self, judge: Judge) -> Any:
        return self.descriptions.network(judge)
