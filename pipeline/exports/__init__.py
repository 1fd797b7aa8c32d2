"""The dataset in other people's formats: one file a layout, and the rules that all of them keep."""
