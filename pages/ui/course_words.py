"""What to look for in each method that prunes while it trains, in a sentence or two."""

from __future__ import annotations

from prunelab.speech import _, mark

_WORDS = {
    "rigl": mark(
        "RigL trains sparse from the first step. Every few steps it drops the smallest "
        "weights and adds as many where the gradient is largest. Watch which pixels it "
        "gives up."
    ),
    "set": mark(
        "SET trains sparse from the first step. Every few steps it drops the smallest "
        "weights and adds as many at random. Watch how many must come and go until a good "
        "place is found."
    ),
    "static": mark(
        "A random mask that never changes: the control. What RigL and SET are better by is "
        "what rewiring is worth."
    ),
    "gradual-magnitude": mark(
        "The mask grows while the network learns: the smallest weights go first, along a "
        "curve that is steep at first. Watch the hole around zero open."
    ),
    "movement": mark(
        "Movement pruning keeps what training moves away from zero, whatever its size. "
        "Look at Movement: small weights stay, large ones go."
    ),
    "soft-movement": mark(
        "Movement pruning with one threshold for all layers and a pull on the scores. Look "
        "at Movement: small weights stay, large ones go."
    ),
    "variational-dropout": mark(
        "Every weight learns how much noise it bears. Those that bear much are not needed. "
        "Watch the noise, log α, climb over its threshold under Gates."
    ),
    "l0": mark(
        "Every weight has a gate that is open or shut by chance, and an open gate costs. "
        "Watch the gates fall into two heaps, open and shut, under Gates."
    ),
    "slimming": mark(
        "A penalty pulls the scale of every filter to zero while the network trains; those "
        "of the smallest scale go. Watch the weights of a filter leave together, row by "
        "row."
    ),
    "sr-ste": mark(
        "Of every few neighbouring weights a fixed number stays, which is what fast "
        "hardware wants. Those that are out go on learning and may come back."
    ),
}
USUAL = mark(
    "The network trains while the method prunes it. You watch which weights come and "
    "go, how the connections spread, and what that does to the accuracy, epoch by "
    "epoch."
)


def of(method: str) -> str:
    """What there is to see of a method; the same for all that nobody has written about."""
    return _(_WORDS.get(method, USUAL))
