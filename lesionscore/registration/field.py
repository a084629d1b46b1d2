"""How the skeleton moved: rigid fits of many overlapping pieces, each begun from a neighbour.

The body's transform is right somewhere and wrong elsewhere. Pieces of bone that it fits well
come first; from them the alignment is carried outward along the bones, piece by piece, so that
a step never has to bridge more than a few millimetres and cannot jump to the next vertebra or
rib. Accuracy here is a few millimetres; the lesions' own fits do the rest.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from lesionscore.registration.bone import bone_distance
from lesionscore.registration.rigid import FitRule, RigidFit, Samples, fit_rigid
from lesionscore.registration.scan import (
    Level,
    PreparedScan,
    SplineImage,
    common_sigmas,
    spline_image,
    windowed,
)

Floats = npt.NDArray[np.float64]

BONE_HU = 190.0
CELL_MM = 25.0
REACH_MM = 45.0
NEIGHBOURS = 5
POINTS = 700
STEP_MM = 5.0
RULE = FitRule(
    noise_hu=40.0,
    slack_mm=0.8,
    shift_sd_mm=5.0,
    turn_sd_rad=0.12,
    max_step_mm=4.0,
    iterations=15,
    tolerance_mm=0.1,
)


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A piece of bone: its samples, and the nodes that it can hand its transform to."""

    samples: Samples
    neighbours: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class FieldNode:
    """A node with the transform it got; quality 0 where it could not be fitted."""

    centre_mm: Floats
    matrix: Floats
    quality: float
    covered: float


def align_skeleton(
    fixed: PreparedScan, moving: PreparedScan, body: Floats, places_mm: Floats
) -> list[FieldNode]:
    """Carry the body's transform outward; the first nodes are those nearest `places_mm`."""
    sigmas = common_sigmas(fixed.middle.grid, moving.middle.grid, 2.0, np.eye(3))
    image = spline_image(windowed(fixed.middle), sigmas[0])
    target = spline_image(windowed(moving.middle), sigmas[1])
    nodes = make_nodes(fixed.middle, image, places_mm)
    return propagate(nodes, target, body)


def make_nodes(level: Level, image: SplineImage, places_mm: Floats) -> list[Node]:
    """Cut the bone into overlapping pieces about `CELL_MM` apart, and link them."""
    centres = _node_voxels(level, places_mm)
    positions = level.grid.positions_mm(centres)
    tree = cKDTree(positions)
    nodes = []
    for i, position in enumerate(positions):
        samples, block, distance = _node_samples(level, image, position)
        near = [j for j in tree.query_ball_point(position, 1.6 * REACH_MM) if j != i]
        index = np.rint(block.grid.index_zyx(positions[near])).astype(int).reshape(-1, 3)
        inside = ((index >= 0) & (index < block.grid.shape_zyx)).all(axis=1)
        ways = np.full(len(near), 1e6)
        ways[inside] = distance[tuple(index[inside].T)]
        straight = np.linalg.norm(positions[near] - position, axis=1)
        cost = np.minimum(ways, 40.0 + 2.0 * straight)
        order = np.argsort(cost, kind="stable")[:NEIGHBOURS]
        nodes.append(Node(samples, tuple(int(near[k]) for k in order)))
    return nodes


def _node_voxels(level: Level, places_mm: Floats) -> npt.NDArray[np.int64]:
    """One bone voxel per cell, the one nearest the middle of the cell's bone; places first."""
    bone = np.argwhere(level.array > BONE_HU)
    if len(bone) == 0:
        return np.empty((0, 3), np.int64)
    spacing = np.asarray(level.grid.spacing_xyz_mm)[::-1]
    places = level.grid.index_zyx(places_mm).reshape(-1, 3)
    chosen = [bone[(((bone - place) * spacing) ** 2).sum(axis=1).argmin()] for place in places]
    cells = np.floor(bone * spacing / CELL_MM).astype(np.int64)
    keys = (cells[:, 0] * 4096 + cells[:, 1]) * 4096 + cells[:, 2]
    order = np.argsort(keys, kind="stable")
    _, first, counts = np.unique(keys[order], return_index=True, return_counts=True)
    for begin, count in zip(first, counts, strict=True):
        if count * float(np.prod(spacing)) < 800.0:  # mm^3; less is noise or a splinter
            continue
        members = bone[order[begin : begin + count]]
        offset = (members - members.mean(axis=0)) * spacing
        chosen.append(members[(offset**2).sum(axis=1).argmin()])
    return np.asarray(chosen, np.int64)


def _node_samples(
    level: Level, image: SplineImage, position: Floats
) -> tuple[Samples, Level, npt.NDArray[np.float32]]:
    """Points of the bone around a node, weighing less the longer the way through bone."""
    block = level.crop(position, REACH_MM)
    if block is None:
        block = level
    seed = np.rint(block.grid.index_zyx(position)).astype(np.int64)
    seed = np.clip(seed, 0, np.asarray(block.grid.shape_zyx) - 1)
    distance = bone_distance(block, seed[None], 80.0)
    index = np.argwhere(distance < 70.0)
    if len(index) > POINTS:
        index = index[np.linspace(0, len(index) - 1, POINTS).astype(np.int64)]
    points = block.grid.positions_mm(index)
    values, gradients = image.values_and_gradients(points)
    weights = np.exp(-0.5 * (distance[tuple(index.T)].astype(np.float64) / 30.0) ** 2)
    return Samples(points, values, gradients, weights, position), block, distance


def propagate(nodes: list[Node], target: SplineImage, body: Floats) -> list[FieldNode]:
    """Accept the best fitting node, hand its transform to its neighbours, and so on."""
    best: dict[int, tuple[float, RigidFit]] = {}
    done: dict[int, FieldNode] = {}
    queue: list[tuple[float, int, int]] = []
    serial = 0
    for i, node in enumerate(nodes):
        quality, fit = _try(node, target, body, 8.0)
        best[i] = (0.9 * quality, fit)
        heapq.heappush(queue, (-0.9 * quality, serial, i))
        serial += 1
    while queue:
        _, _, i = heapq.heappop(queue)
        if i in done:
            continue
        quality, fit = best[i]
        done[i] = FieldNode(nodes[i].samples.centre_mm, fit.matrix, quality, fit.covered)
        for j in nodes[i].neighbours:
            if j in done:
                continue
            candidate, other = _try(nodes[j], target, fit.matrix, 6.0)
            if candidate > best[j][0]:
                best[j] = (candidate, other)
                heapq.heappush(queue, (-candidate, serial, j))
                serial += 1
    return [done[i] for i in range(len(nodes))]


def _try(
    node: Node, target: SplineImage, start: Floats, expected_mm: float
) -> tuple[float, RigidFit]:
    """Fit a node from a start; the quality falls with the way that it had to go."""
    fit = fit_rigid(node.samples, target, start, RULE)
    if fit.covered < 0.4:
        return 0.0, fit
    centre = np.append(node.samples.centre_mm, 1.0)
    way = float(np.linalg.norm(((fit.matrix - start) @ centre)[:3]))
    return max(fit.correlation, 0.0) * float(np.exp(-0.5 * (way / expected_mm) ** 2)), fit
