"""A weights file of the FID network as it is laid out, with weights that nobody trained."""

from io import BytesIO
from pathlib import Path

import torch
from torch import nn


def write_inception(path: Path, *, seed: int = 0) -> Path:
    """Write it, 95 MB. The weights are random, and as large as it takes for pictures to differ in the last map."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    class Untrained(FeatureExtractorInceptionV3):
        def load_state_dict(self, state_dict, **_):
            """Keep what it was built with."""

    nothing = BytesIO()
    torch.save({}, nothing)
    nothing.seek(0)
    network = Untrained("untrained", ["2048"], feature_extractor_weights_path=nothing)
    random = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=random)
    nn.init.normal_(network.fc.weight, generator=random)
    nn.init.zeros_(network.fc.bias)
    torch.save(network.state_dict(), path)
    return path
