"""Messages handed to the connection that the broker has not answered yet; pure."""

from __future__ import annotations

from dataclasses import dataclass

from agent.uplink.shelf import Parcel


@dataclass(slots=True)
class Flight:
    """A message under way.

    Attributes:
        parcel: what.
        at_us: monotonic µs at which it was handed over.
        alone: whether nothing else was in flight with it at any time.
    """

    parcel: Parcel
    at_us: int
    alone: bool


class Flights:
    """Flights by paho's message id, which counts anew with each connection."""

    def __init__(self) -> None:
        self._flights: dict[int, Flight] = {}

    def __len__(self) -> int:
        return len(self._flights)

    @property
    def images(self) -> int:
        """Pictures among them."""
        return sum(flight.parcel.image for flight in self._flights.values())

    @property
    def size_bytes(self) -> int:
        """Bytes of their payloads."""
        return sum(len(flight.parcel.message.payload) for flight in self._flights.values())

    def start(self, mid: int, parcel: Parcel, now_us: int) -> None:
        """Note a message handed over."""
        alone = not self._flights
        for flight in self._flights.values():
            flight.alone = False
        self._flights[mid] = Flight(parcel, now_us, alone)

    def end(self, mid: int) -> Flight | None:
        """Give and forget the flight that the broker answered; None for a message that was no parcel."""
        return self._flights.pop(mid, None)

    def crash(self) -> list[Flight]:
        """Give and forget all flights: their connection broke."""
        flights = list(self._flights.values())
        self._flights.clear()
        return flights
