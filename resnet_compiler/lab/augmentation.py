"""The order of an epoch, and images as a network takes them in: shifted, mirrored, normalised, on any device.

All that is random is a function of the seed and the epoch, drawn on the CPU for a whole epoch at once. So a run can go
on in the middle of one, every process draws the same, and no step waits for a device.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from resnet_compiler.lab.data import Data
from resnet_compiler.lab.settings import Settings

if TYPE_CHECKING:
    import torch
    from torch import Tensor

SHARE = 8
"""An image is shifted by up to an eighth of its side: 4 pixels of 32, as is usual for CIFAR."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """What an epoch does: for each place in it an image, where its crop begins, and whether it is mirrored. All (N,)."""

    order: Tensor
    top: Tensor
    left: Tensor
    is_mirrored: Tensor


@dataclass(frozen=True, slots=True)
class Images:
    """Images on a device, with what brings them into a network.

    Attributes:
        padded: uint8, (N, channels, H + 2 border, W + 2 border); zeros around.
        labels: int64, (N,).
        border: how far an image may be shifted each way, vertically and horizontally.
        flips: whether images are mirrored.
        scale, shift: float32, (channels, 1, 1): a pixel times the one plus the other is normalised.
        channels: how many the network takes; those of grey images are repeated.
    """

    padded: Tensor
    labels: Tensor
    border: tuple[int, int]
    flips: bool
    scale: Tensor
    shift: Tensor
    channels: int

    def __len__(self) -> int:
        return len(self.labels)

    def epoch(self, seed: int, number: int) -> Epoch:
        """What an epoch does, as the seed and its number say."""
        import numpy as np
        import torch

        random = np.random.Generator(np.random.SFC64([seed, number]))
        count = len(self)
        order = random.permutation(count)
        top, left = (random.integers(0, 2 * each + 1, count) for each in self.border)
        is_mirrored = (random.random(count) < 0.5) & self.flips
        device = self.padded.device
        return Epoch(
            *(torch.from_numpy(each).to(device) for each in (order, top, left, is_mirrored))
        )

    def batch(self, epoch: Epoch, part: slice) -> tuple[Tensor, Tensor]:
        """A part of an epoch: images (n, channels, H, W) float32, and labels (n,)."""
        import torch

        index = epoch.order[part]
        height, width = self._size
        rows = epoch.top[part, None] + torch.arange(height, device=index.device)
        columns = torch.arange(width, device=index.device).expand(len(index), width)
        mirrored = epoch.is_mirrored[part, None]
        columns = epoch.left[part, None] + torch.where(mirrored, width - 1 - columns, columns)
        # indices apart from the channels put those last: channels-last in memory, as convolutions like it
        pixels = self.padded[index[:, None, None], :, rows[:, :, None], columns[:, None, :]]
        return self._normalised(pixels.permute(0, 3, 1, 2)), self.labels[index]

    def unchanged(self, part: slice) -> tuple[Tensor, Tensor]:
        """Images as they are, in their order: (n, channels, H, W) float32, and labels (n,)."""
        (down, right), (height, width) = self.border, self._size
        pixels = self.padded[part, :, down : down + height, right : right + width]
        return self._normalised(pixels), self.labels[part]

    @property
    def _size(self) -> tuple[int, int]:
        height, width = self.padded.shape[2:]
        return height - 2 * self.border[0], width - 2 * self.border[1]

    def _normalised(self, pixels: Tensor) -> Tensor:
        import torch

        values = (pixels.float() * self.scale + self.shift).expand(-1, self.channels, -1, -1)
        return values.contiguous(memory_format=torch.channels_last)


def on_device(
    data: Data, settings: Settings, channels: int, device: torch.device
) -> tuple[Images, Images]:
    """The images to train with and those held out, all of them on a device."""
    import numpy as np
    import torch
    from torch.nn.functional import pad

    mean, std = (np.array(each, np.float64)[:, None, None] for each in (data.mean, data.std))
    scale, shift = (
        torch.from_numpy(each.astype(np.float32)).to(device)
        for each in (1 / (255 * std), -mean / std)
    )
    height, width = data.shape[1:]
    border = (height // SHARE, width // SHARE) if settings.augment else (0, 0)
    flips = settings.augment and (data.may_flip if settings.flip is None else settings.flip)

    def there(pixels: object, labels: object, border: tuple[int, int], flips: bool) -> Images:
        image, label = (torch.from_numpy(each).to(device) for each in (pixels, labels))
        down, right = border
        padded = pad(image, (right, right, down, down))
        return Images(padded, label, border, flips, scale, shift, channels)

    return (
        there(data.images, data.labels, border, flips),
        there(data.held_out, data.held_out_labels, (0, 0), False),
    )
