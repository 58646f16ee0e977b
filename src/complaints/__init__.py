"""A reproducible pipeline that classifies consumer complaints by issue."""

from complaints.core.numerics import pin_numpy

pin_numpy()
