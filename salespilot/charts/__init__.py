"""The chart vocabulary: a tidy frame and a phrasebook in, a figure out. Forms draw; they never compute a measure.

Every form is ``form(frame, book, *, x=..., y=..., ...) -> Figure``, where options name columns of the frame.
"""

from salespilot.charts.bars import bars
from salespilot.charts.behaviour import behaviour
from salespilot.charts.cone import cone
from salespilot.charts.counterfactual import counterfactual
from salespilot.charts.curves import curves
from salespilot.charts.decile_bars import decile_bars
from salespilot.charts.dot_map import dot_map
from salespilot.charts.dots import dots
from salespilot.charts.fan import fan
from salespilot.charts.flow import flow
from salespilot.charts.frontier import frontier
from salespilot.charts.funnel import funnel
from salespilot.charts.funnels import funnels
from salespilot.charts.gantt import gantt
from salespilot.charts.heat import heat
from salespilot.charts.histogram import histogram
from salespilot.charts.limits import limits
from salespilot.charts.lines import lines
from salespilot.charts.matrix import matrix
from salespilot.charts.overdue import overdue
from salespilot.charts.pareto import pareto
from salespilot.charts.reliability import reliability
from salespilot.charts.ridges import ridges
from salespilot.charts.river import river
from salespilot.charts.scatter import scatter
from salespilot.charts.scorecard import scorecard
from salespilot.charts.sparks import sparks
from salespilot.charts.stacked import stacked
from salespilot.charts.waterfall import waterfall

__all__ = [
    "bars",
    "behaviour",
    "cone",
    "counterfactual",
    "curves",
    "decile_bars",
    "dot_map",
    "dots",
    "fan",
    "flow",
    "frontier",
    "funnel",
    "funnels",
    "gantt",
    "heat",
    "histogram",
    "limits",
    "lines",
    "matrix",
    "overdue",
    "pareto",
    "reliability",
    "ridges",
    "river",
    "scatter",
    "scorecard",
    "sparks",
    "stacked",
    "waterfall",
]
