"""L-BFGS within [0, 1], for several pictures at once, each with its own history and step.

Liu, Nocedal, "On the limited memory BFGS method for large scale optimization", 1989, with the
two-metric projection of Bertsekas 1982: values at a bound that the gradient pushes outward stay
put, and what remains of a step is clipped. A step is taken only if it lowers the loss enough
(Armijo), so that nothing diverges and the last picture is the best one. Every operation is along
the pictures' own elements, so no picture depends on its neighbours in the mini-batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TypeAlias

import torch
from torch import Tensor

Objective: TypeAlias = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Of K pictures (K, 3, H, W) and their numbers (K,): the parts of each one's loss, (K, P), which
sum to it, and its gradient, (K, 3, H, W)."""

HISTORY = 20
FIRST_CHANGE = 0.005
"""How far a step without a history moves a value, on average."""
SUFFICIENT = 1e-4
REJECTIONS = 6
"""Steps refused in a row before the history is forgotten; and, once it is, before the end."""
WINDOW = 10


@dataclass(slots=True)
class Points:
    """N pictures and what is known about the loss there.

    Attributes:
        pictures: (N, 3, H, W), in [0, 1].
        parts: the parts of each one's loss, (N, P).
        gradient: of each one's loss, (N, 3, H, W).
        losses: of each picture the smallest loss so far, after each evaluation.
    """

    pictures: Tensor
    parts: Tensor
    gradient: Tensor
    losses: list[list[float]]

    @classmethod
    def of(cls, objective: Objective, pictures: Tensor) -> Points:
        """Evaluate the loss of pictures, (N, 3, H, W), clipped to [0, 1]."""
        pictures = pictures.clamp(0, 1)
        parts, gradient = objective(pictures, torch.arange(len(pictures), device=pictures.device))
        return cls(pictures, parts, gradient, [[loss] for loss in parts.sum(1).tolist()])

    def or_else(self, objective: Objective, others: Tensor, numbers: list[int]) -> None:
        """Evaluate others, (N, 3, H, W), for some of the pictures; keep those that are better."""
        for number in numbers:
            place = torch.tensor([number], device=others.device)
            other = others[number][None].clamp(0, 1)
            parts, gradient = objective(other, place)
            before, loss = self.losses[number][-1], float(parts.sum())
            if not loss >= before:
                self.pictures[place], self.parts[place], self.gradient[place] = (
                    other,
                    parts,
                    gradient,
                )
            self.losses[number].append(min(loss, before))


@dataclass(slots=True)
class _State:
    """The state of K pictures that are still being minimised; K is always the first dimension.

    Attributes:
        number: the place of each in the result, (K,).
        x: the pictures, in [0, 1], (K, 3, H, W).
        parts: the parts of each one's loss, (K, P).
        gradient: of each one's loss, (K, 3, H, W).
        direction: of the next step, (K, 3, H, W).
        step: how far along it the next try goes, (K,).
        rejected: tries refused in a row, (K,).
        taken: pairs in the history so far, (K,); older ones are overwritten.
        steps: of the history, (K, HISTORY, 3 * H * W).
        changes: of the gradient along each of them, of the same shape.
        products: of each step with its change, (K, HISTORY); 0 where there is none.
    """

    number: Tensor
    x: Tensor
    parts: Tensor
    gradient: Tensor
    direction: Tensor
    step: Tensor
    rejected: Tensor
    taken: Tensor
    steps: Tensor
    changes: Tensor
    products: Tensor

    def keep(self, wanted: Tensor) -> _State:
        """Keep the pictures that are wanted, bool (K,)."""
        return _State(*(getattr(self, field.name)[wanted] for field in fields(self)))


def minimise(
    objective: Objective,
    start: Points,
    evaluations: int,
    tolerance: float,
    alive: Callable[[], None],
) -> Points:
    """Minimise a loss of pictures with values in [0, 1].

    Args:
        objective: the loss.
        start: where to start, with N pictures.
        evaluations: of the loss of each picture, at most, including those of the start.
        tolerance: a picture is done when its loss falls by less than this share in ten
            evaluations; 0 is never.
        alive: called at every evaluation.

    Returns:
        The best pictures seen, in the same order; none is worse than its start.
    """
    losses = [list(curve) for curve in start.losses]
    best = Points(start.pictures.clone(), start.parts.clone(), start.gradient.clone(), losses)
    state = _begin(start)
    while True:
        alive()
        done = _finished(state, losses, evaluations, tolerance)
        numbers = state.number[done]
        best.pictures[numbers] = state.x[done]
        best.parts[numbers] = state.parts[done]
        best.gradient[numbers] = state.gradient[done]
        if bool(done.all()):
            return best
        if bool(done.any()):
            state = state.keep(~done)
        _advance(objective, state)
        for number, loss in zip(state.number.tolist(), state.parts.sum(1).tolist(), strict=True):
            losses[number].append(loss)


def _begin(start: Points) -> _State:
    """Begin with all N pictures, and no history."""
    x = start.pictures
    count, size = len(x), x[0].numel()
    state = _State(
        number=torch.arange(count, device=x.device),
        x=x,
        parts=start.parts,
        gradient=start.gradient,
        direction=torch.empty_like(x),
        step=x.new_ones(count),
        rejected=torch.zeros(count, dtype=torch.long, device=x.device),
        taken=torch.zeros(count, dtype=torch.long, device=x.device),
        steps=x.new_zeros(count, HISTORY, size),
        changes=x.new_zeros(count, HISTORY, size),
        products=x.new_zeros(count, HISTORY),
    )
    state.direction = _direction(state)
    return state


def _finished(
    state: _State, losses: list[list[float]], evaluations: int, tolerance: float
) -> Tensor:
    """Return which pictures are done, bool (K,): no evaluations left, or the loss hardly falls.

    Args:
        state: of K pictures.
        losses: the curves of all N, by `_State.number`.
        evaluations: as for `minimise`.
        tolerance: as for `minimise`.
    """
    spent = []
    for number in state.number.tolist():
        curve = losses[number]
        slow = len(curve) > WINDOW and curve[-1] > (1 - tolerance) * curve[-1 - WINDOW]
        spent.append(len(curve) >= evaluations or slow)
    finite = torch.isfinite(state.gradient).flatten(1).all(1)
    return torch.tensor(spent, device=finite.device) | (state.rejected >= REJECTIONS) | ~finite


def _advance(objective: Objective, state: _State) -> None:
    """Try one step of each picture; take it, or shorten the next try."""
    trial = (state.x + _wide(state.step) * state.direction).clamp_(0, 1)
    parts, gradient = objective(trial, state.number)
    step, loss, new = trial - state.x, state.parts.sum(1), parts.sum(1)
    slope = _dot(state.gradient, step).clamp_max(0)
    good = torch.isfinite(gradient).flatten(1).all(1) & (new <= loss + SUFFICIENT * slope)
    _remember(state, step, gradient, good)
    wide = _wide(good)
    state.x = torch.where(wide, trial, state.x)
    state.gradient = torch.where(wide, gradient, state.gradient)
    state.parts = torch.where(good[:, None], parts, state.parts)
    state.rejected = torch.where(good, 0, state.rejected + 1)
    # The minimum of the parabola through both losses and the slope, within bounds.
    shorter = torch.nan_to_num(-slope / (2 * (new - loss - slope)), nan=0.1).clamp(0.1, 0.5)
    state.step = torch.where(good, 1.0, state.step * shorter)
    forget = (state.rejected >= REJECTIONS) & (state.taken > 0)
    state.taken = torch.where(forget, 0, state.taken)
    state.products = torch.where(forget[:, None], 0.0, state.products)
    state.rejected = torch.where(forget, 0, state.rejected)
    state.step = torch.where(forget, 1.0, state.step)
    if bool((renew := good | forget).any()):
        state.direction = torch.where(_wide(renew), _direction(state), state.direction)


def _remember(state: _State, step: Tensor, gradient: Tensor, good: Tensor) -> None:
    """Add a step and the change of gradient along it to the histories of those that take it.

    Args:
        state: before the step.
        step: (K, 3, H, W).
        gradient: after the step, (K, 3, H, W).
        good: whether each picture takes it, bool (K,).
    """
    change = torch.where(_free(state), gradient - state.gradient, 0.0)
    product = _dot(step, change)
    bent = product > 1e-6 * (_dot(step, step) * _dot(change, change)).sqrt()
    rows = (good & bent).nonzero().flatten()
    slots = state.taken[rows] % HISTORY
    state.steps[rows, slots] = step.flatten(1)[rows]
    state.changes[rows, slots] = change.flatten(1)[rows]
    state.products[rows, slots] = product[rows]
    state.taken[rows] += 1


def _direction(state: _State) -> Tensor:
    """Return the direction downhill, (K, 3, H, W), by the two-loop recursion over the history."""
    free = _free(state).flatten(1)
    q = torch.where(free, state.gradient.flatten(1), 0.0)
    rows = torch.arange(len(q), device=q.device)
    most = min(HISTORY, int(state.taken.max()))
    # Slots from the newest to the oldest; unused ones have a product of 0 and weigh nothing.
    slots = [(state.taken - 1 - age) % HISTORY for age in range(most)]
    inverse = torch.where(state.products > 0, 1 / state.products, 0.0)
    weights = []
    for slot in slots:
        weight = inverse[rows, slot] * (state.steps[rows, slot] * q).sum(1)
        q = q - weight[:, None] * state.changes[rows, slot]
        weights.append(weight)
    q = q * _scale(state, q, rows)[:, None]
    for slot, weight in zip(reversed(slots), reversed(weights), strict=True):
        back = inverse[rows, slot] * (state.changes[rows, slot] * q).sum(1)
        q = q + (weight - back)[:, None] * state.steps[rows, slot]
    return -torch.where(free, q, 0.0).view_as(state.x)


def _scale(state: _State, q: Tensor, rows: Tensor) -> Tensor:
    """Return the size of the initial inverse Hessian: of the newest pair, or of a small first step.

    Args:
        state: of K pictures.
        q: what the recursion has so far, (K, 3 * H * W).
        rows: 0 to K - 1, (K,).

    Returns:
        One factor per picture, (K,).
    """
    newest = (state.taken - 1) % HISTORY
    change = state.changes[rows, newest]
    learnt = state.products[rows, newest] / change.square().sum(1)
    return torch.where(state.taken > 0, learnt, FIRST_CHANGE / q.abs().mean(1).clamp_min(1e-30))


def _free(state: _State) -> Tensor:
    """Return which values may move, bool (K, 3, H, W): all but those pushed out at a bound."""
    low = (state.x <= 0) & (state.gradient > 0)
    return ~(low | (state.x >= 1) & (state.gradient < 0))


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Multiply pictures, (K, 3, H, W), and sum over each, (K,)."""
    return (a * b).flatten(1).sum(1)


def _wide(values: Tensor) -> Tensor:
    """Shape one value per picture, (K,), to broadcast over them, (K, 1, 1, 1)."""
    return values.view(-1, 1, 1, 1)
