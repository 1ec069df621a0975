"""The plots of the page: any name, any date, any number of visitors."""

import re
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor

import pytest

from app import plots
from app.demo import Demo
from app.form import form_values
from app.what_if import Change


@pytest.mark.slow
def test_plots_show_any_name_as_it_is(odd: Demo) -> None:
    prediction = odd.predict(form_values(odd.examples()[0]))
    drawn = [plots.contributions(odd.contributions(prediction), odd.about(prediction))]
    curves = [odd.what_if(prediction, change) for change in odd.changes()]
    drawn += [plots.what_if(curve, "p <&> $x$") for curve in curves if curve is not None]
    assert len(drawn) == 1 + len(curves)
    texts = ["".join(ET.fromstring(picture).itertext()) for picture in drawn]
    assert "<b>Sorte</b>" in texts[0]
    assert all("p <&> $x$" in text for text in texts[1:])
    assert 'a "b" <i>' in "".join(texts)


@pytest.mark.slow
def test_visitors_at_once_see_the_same_picture(demo: Demo) -> None:
    import matplotlib as mpl

    prediction = demo.predict(form_values(demo.examples()[0]))
    contributions = demo.contributions(prediction)
    before = dict(mpl.rcParams)
    with ThreadPoolExecutor(6) as pool:
        drawn = list(pool.map(lambda _: plots.contributions(contributions, "x"), range(24)))
    # Parts of a picture that refer to each other are named at random.
    assert len({re.sub(r"[a-z]\w{10,}", "", one) for one in drawn}) == 1
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("edge", ["0001-01-01 00:00", "9999-12-31 23:59"])
def test_dates_at_the_ends_of_the_calendar_are_drawn(demo: Demo, edge: str) -> None:
    moments = [name for name, c in demo.request_schema.columns.items() if c.type == "datetime"]
    if not moments:
        pytest.skip(
            "this project has no column of dates: what-ifs at the calendar's ends not drawn"
        )
    prediction = demo.predict({**form_values(demo.examples()[0]), moments[0]: edge})
    for step in ("hour", "day"):
        curve = demo.what_if(prediction, Change(moments[0], step))
        if curve is not None:
            assert plots.what_if(curve, "x").startswith("<svg")
