"""The segmentation recipe: cells of the cross matrix, kept apart only where they are served differently.

(1) cell of the cross matrix, (2) contact mode and role that its policy asks for, (3) the channel that the customer
prefers, (4) merged: segments served alike, then those too small to be told apart, then the nearest, down to
``max_segments``. Geography does not make a segment here: it is the attribution's business.
"""

from __future__ import annotations

import pandas as pd

from salespilot.diagnostics.portfolio_alignment.model import Thresholds

REMOTE_CHANNELS = ("web", "e-commerce", "ecommerce", "edi", "telephone", "téléphone", "phone", "remote", "online")
POLICY = ["service_mode", "f2f_per_year", "remote_per_year", "visit_min", "prep_min"]


def service_mode(frame: pd.DataFrame, thresholds: Thresholds) -> pd.Series:
    """How an account is to be served: face_to_face, mixed (few visits), remote; prospect-hunting where it bought
    nothing.

    A customer whose own channel is remote is served remotely unless its cell asks for many visits.
    """
    visits = frame["f2f_per_year"]
    mode = pd.Series("mixed", index=frame.index)
    mode = mode.mask(visits > 2 * thresholds.inside_max_visits, "face_to_face").mask(visits < 1, "remote")
    prefers_remote = frame["channel"].astype("string").str.strip().str.lower().isin(REMOTE_CHANNELS)
    mode = mode.mask(prefers_remote.fillna(False).astype(bool) & (mode == "mixed"), "remote")
    return mode.mask(~frame["is_buyer"] & (visits >= 1), "hunting")


def segmented(frame: pd.DataFrame, thresholds: Thresholds) -> tuple[pd.Series, pd.DataFrame, pd.DataFrame]:
    """The operating segment of each account, the segments, and the merges that led to them.

    Segments, one row each: operating_segment (its cells), service_mode, f2f_per_year, remote_per_year (of a mean
    account), account_count, net_revenue, headroom, hours_needed, and shares. Merges: step, segment_from, segment_into,
    reason (same_policy, small, too_many). Accounts in reserve stay outside.
    """
    kept = frame[~frame["is_reserve"]]
    label = kept["cell"] + "|" + kept["service_mode"]
    merges: list[dict[str, object]] = []
    label, merges = _alike(kept, label, merges)
    label = _small(kept, label, merges, thresholds)
    while label.nunique() > thresholds.max_segments:
        size = kept.groupby(label)["net_revenue"].sum().clip(lower=0)
        smallest = min(size.index, key=lambda name: (size[name], name))
        label = _joined(kept, label, smallest, "too_many", merges)
    names = {name: _name(kept.loc[label == name, "cell"]) for name in label.unique()}
    doubled = pd.Series(names).duplicated(keep=False)
    modes = kept.groupby(label)["service_mode"].agg(_main)
    shown = {name: f"{text} · {modes[name]}" if doubled[name] else text for name, text in names.items()}
    table = _table(kept, label.map(shown))
    columns = ["step", "segment_from", "segment_into", "merge_reason", "account_count"]
    steps = pd.DataFrame(merges, columns=columns[1:])
    steps.insert(0, "step", range(1, len(steps) + 1))
    return label.map(shown).reindex(frame.index), table, steps


def _main(words: pd.Series) -> str:
    return str(words.value_counts().sort_index().idxmax())


def _cells(cells: pd.Series) -> list[str]:
    return sorted(cells.unique())


def _name(cells: pd.Series) -> str:
    return " ".join(cell.upper().replace("_UNKNOWN", "?") for cell in _cells(cells))


def _alike(
    kept: pd.DataFrame, label: pd.Series, merges: list[dict[str, object]]
) -> tuple[pd.Series, list[dict[str, object]]]:
    """A segment whose policy is its neighbour's is no segment of its own."""
    policy = kept.groupby(label)[["f2f_per_year", "remote_per_year", "prep_min"]].first().round(6)
    policy["service_mode"] = kept.groupby(label)["service_mode"].first()
    for _, names in policy.groupby(list(policy.columns), sort=True).groups.items():
        first, *others = sorted(names)
        for other in others:
            merges.append(_step(kept, label, other, first, "same_policy"))
            label = label.mask(label == other, first)
    return label, merges


def _small(kept: pd.DataFrame, label: pd.Series, merges: list[dict[str, object]], thresholds: Thresholds) -> pd.Series:
    """T03-R8: a segment of little revenue and few customers is merged with the one served most alike."""
    while label.nunique() > 1:
        revenue = kept["net_revenue"].clip(lower=0).groupby(label).sum()
        count = label.value_counts()
        total = revenue.sum()
        is_small = (revenue < thresholds.small_revenue_share * total) & (
            count.reindex(revenue.index) < thresholds.small_customer_share * len(kept)
        )
        if not is_small.any():
            break
        smallest = min(is_small.index[is_small], key=lambda name: (revenue[name], name))
        label = _joined(kept, label, smallest, "small", merges)
    return label


def _joined(
    kept: pd.DataFrame, label: pd.Series, smallest: str, reason: str, merges: list[dict[str, object]]
) -> pd.Series:
    means = kept.groupby(label)[["f2f_per_year", "remote_per_year", "is_buyer"]].mean().astype(float)
    same = kept.groupby(label)["service_mode"].agg(_main)
    # Visits tell segments apart more than calls do; buyers and prospects never join while either has another to join.
    away = ((means - means.T[smallest]).abs() * [1.0, 0.25, 100.0]).sum(axis=1)
    away += 3.0 * (same != same[smallest])
    nearest = min((name for name in means.index if name != smallest), key=lambda name: (round(away[name], 6), name))
    merges.append(_step(kept, label, smallest, nearest, reason))
    return label.mask(label == smallest, nearest)


def _step(kept: pd.DataFrame, label: pd.Series, what: str, into: str, reason: str) -> dict[str, object]:
    return {
        "segment_from": _name(kept.loc[label == what, "cell"]),
        "segment_into": _name(kept.loc[label == into, "cell"]),
        "merge_reason": reason,
        "account_count": int((label == what).sum()),
    }


def _table(kept: pd.DataFrame, name: pd.Series) -> pd.DataFrame:
    groups = kept.groupby(name)
    table = pd.DataFrame({"service_mode": groups["service_mode"].agg(_main)})
    for column in ("f2f_per_year", "remote_per_year"):
        table[column] = groups[column].mean().round(2)
    table["account_count"] = groups.size()
    table["net_revenue"] = groups["net_revenue"].sum()
    table["headroom"] = groups["headroom"].sum(min_count=1)
    table["hours_needed"] = groups["workload_hours"].sum()
    for share, of in (("revenue_share", "net_revenue"), ("hours_share", "hours_needed")):
        table[share] = table[of] / table[of].sum() if table[of].sum() > 0 else float("nan")
    table = table.rename_axis("operating_segment").reset_index()
    return table.sort_values(["hours_needed", "operating_segment"], ascending=[False, True], ignore_index=True)
