"""Builders of charts: typed rows in, a Vega-Lite v6 specification with its data inside out.

Each is readable at 320 and at 1280 px, tells nothing by colour alone, and raises ValueError above 5,000 marks.
"""

from prismlane.engine.reports.charts.distributions import bar, heat_map, histogram, scatter
from prismlane.engine.reports.charts.effects import forest, waterfall
from prismlane.engine.reports.charts.series import line, step

__all__ = ["bar", "forest", "heat_map", "histogram", "line", "scatter", "step", "waterfall"]
