"""Door to gaugan: how good a run is, by its pictures of a split and the photos, beside a floor and a ceiling."""
