"""The pinhole camera over a flat ground: metres to pixels and back."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from agent.stage.scene import GroundPoint, Pose

Points = NDArray[np.float64]

NEAR_M = 0.5
"""Nothing nearer to the lens than this is drawn."""


class Lens:
    """Projects points of a scene; ``homography`` is its restriction to the ground."""

    def __init__(self, pose: Pose, width: int, height: int) -> None:
        pan, tilt = math.radians(pose.pan_deg), math.radians(pose.tilt_deg)
        forward = [math.sin(pan) * math.cos(tilt), math.cos(pan) * math.cos(tilt), -math.sin(tilt)]
        right = [math.cos(pan), -math.sin(pan), 0.0]
        self.pose, self.width, self.height = pose, width, height
        self.eye = np.array([pose.at[0], pose.at[1], pose.height_m])
        self.axes = np.array([right, np.cross(forward, right), forward])  # rows: right, down, forward
        self.focal_px = pose.focal * width
        self.middle = np.array([width / 2, height / 2])

    def scaled(self, factor: int) -> Lens:
        """Give the same view on a picture ``factor`` times as large."""
        return Lens(self.pose, self.width * factor, self.height * factor)

    def view(self, points: Points) -> Points:
        """Turn (N, 3) ground coordinates into (N, 3) metres right, down and forward of the lens."""
        return np.asarray((points - self.eye) @ self.axes.T)

    def to_pixels(self, seen: Points) -> Points:
        """Project (N, 3) points of ``view`` to (N, 2) pixels; every depth must be positive."""
        return np.asarray(self.middle + self.focal_px * seen[:, :2] / seen[:, 2:])

    def project(self, points: Points) -> Points:
        """Project (N, 3) ground coordinates to (N, 2) pixels; every point must lie before the lens."""
        return self.to_pixels(self.view(points))

    def depth_of(self, place: GroundPoint) -> float:
        """Distance of a ground point along the view direction, metres."""
        return float((np.array([*place, 0.0]) - self.eye) @ self.axes[2])

    def outline(self, points: Points) -> Points:
        """Project a flat polygon (N, 3), cut off at the near plane; (M, 2) pixels, M = 0 when all of it is behind."""
        seen = _cut_near(self.view(points))
        return self.to_pixels(seen) if len(seen) >= 3 else np.zeros((0, 2))

    @property
    def homography(self) -> Points:
        """The 3x3 matrix that takes (x, y, 1) on the ground to homogeneous pixels."""
        intrinsic = np.array([[self.focal_px, 0, self.middle[0]], [0, self.focal_px, self.middle[1]], [0, 0, 1.0]])
        flat = np.array([[1.0, 0, -self.eye[0]], [0, 1.0, -self.eye[1]], [0, 0, -self.eye[2]]])
        return np.asarray(intrinsic @ self.axes @ flat)

    def to_ground(self, pixels: Points) -> Points:
        """Turn (N, 2) pixels into (N, 2) metres on the ground; NaN at and above the horizon."""
        homogeneous = np.column_stack([pixels, np.ones(len(pixels))]) @ np.linalg.inv(self.homography).T
        scale = np.where(homogeneous[:, 2:] > 1e-9, homogeneous[:, 2:], np.nan)
        return np.asarray(homogeneous[:, :2] / scale)

    @property
    def horizon_px(self) -> float:
        """Row of the horizon; may lie outside the picture."""
        return float(self.middle[1] - self.focal_px * math.tan(math.radians(self.pose.tilt_deg)))


def _cut_near(seen: Points) -> Points:
    """Clip a polygon in view coordinates at depth NEAR_M (Sutherland-Hodgman on one plane)."""
    if seen[:, 2].min() >= NEAR_M:
        return seen
    kept: list[Points] = []
    for here, there in zip(seen, np.roll(seen, -1, axis=0), strict=True):
        if here[2] >= NEAR_M:
            kept.append(here)
        if (here[2] >= NEAR_M) != (there[2] >= NEAR_M):
            kept.append(here + (there - here) * (NEAR_M - here[2]) / (there[2] - here[2]))
    return np.array(kept).reshape(-1, 3)
