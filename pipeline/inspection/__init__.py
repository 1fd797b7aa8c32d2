"""A manifest looked at and put right: checked, queried, counted, compared, shown, split, merged, repaired"""
