"""Devices by name, with their peak rates: the table `devices.yaml`, checked as it is read. Nothing is measured here."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, PositiveFloat, TypeAdapter

from resnet_compiler.diagnostics import did_you_mean
from resnet_compiler.support.read import text

TABLE = pathlib.Path(__file__).with_name("devices.yaml")
MEASURED = "measured"
"""What stands for the machine at hand, in the place of a name."""
WIDTHS = {"float32": 4, "float16": 2, "bfloat16": 2, "int8": 1}
"""Bytes of one number in each precision."""


class UnknownDevice(ValueError):
    """There is no device of this name, or it has no rate for this precision; the message says what there is."""


class Device(BaseModel):
    """What a device can do at most.

    Attributes:
        title: what people call it.
        rates: operations in one second by precision, two to a multiply-accumulate, dense.
        bandwidth: bytes in one second between the processor and its main memory.
        source: where the figures stand.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    rates: Mapping[str, PositiveFloat]
    bandwidth: PositiveFloat
    source: str

    def rate(self, precision: str) -> float:
        """Operations in one second.

        Raises:
            UnknownDevice: none is known for this precision.
        """
        if precision not in self.rates:
            has = ", ".join(self.rates) or "none"
            raise UnknownDevice(f"{self.title} has no rate for {precision}, only for {has}")
        return self.rates[precision]

    def balance(self, precision: str) -> float:
        """Operations per byte at which its arithmetic and its memory take equally long."""
        return self.rate(precision) / self.bandwidth


def devices() -> dict[str, Device]:
    """Every device of the table by its name, in the table's order."""
    import yaml

    content = yaml.safe_load(text(TABLE))
    return TypeAdapter(dict[str, Device]).validate_python(content)


def device_named(name: str) -> Device:
    """The device of that name.

    Raises:
        UnknownDevice: the table has none.
    """
    known = devices()
    if name not in known:
        near = "; ".join(did_you_mean(name, [*known, MEASURED]))
        there_are = f"there are {', '.join(known)}, and {MEASURED}"
        raise UnknownDevice(f"no device is called {name}: {near or there_are}")
    return known[name]
