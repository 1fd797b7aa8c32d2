"""Which row a person means: by its id, the beginning of it, or what the photo is called."""

from pipeline.errors import GauganpipeError
from pipeline.manifest import Manifest

NAMED = 5
"""So many rows are named where several are meant."""


def find_row(manifest: Manifest, said: str) -> int:
    """The place of the one row that is meant, in the order of `Manifest.column`.

    Raises: GauganpipeError when there is none, or when there are several, which are named.
    """
    ids, names = manifest.column("id"), manifest.column("original_name")
    ways = (
        lambda id, name: id == said,
        lambda id, name: name == said,
        lambda id, name: id.startswith(said),
        lambda id, name: said in name,
    )
    for is_meant in ways:
        places = [place for place, row in enumerate(zip(ids, names, strict=True)) if is_meant(*row)]
        if len(places) == 1:
            return places[0]
        if places:
            shown = ", ".join(f"{ids[place]} ({names[place]})" for place in places[:NAMED])
            more = f" and {len(places) - NAMED:,} more" * (len(places) > NAMED)
            raise GauganpipeError(f"'{said}' may mean {shown}{more}. Say more of the id")
    raise GauganpipeError(f"there is no row '{said}'. Say an id, the beginning of one, or a part of a photo's name")
