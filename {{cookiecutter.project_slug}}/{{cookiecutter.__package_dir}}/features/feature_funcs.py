"""Derived features. This is the first file to edit for your own data.

1. Write a function of columns: its argument names are the column names.
2. Use operators, and the functions of `helpers` for the rest (`log`, `where`, `join`, ...):
   where(...), & and | in place of if, and, or; modulo(a, b) and floor(a / b) for % and //.
3. Put `@feature()` above it; `kind="category"` if it returns text, `columns=` for odd names.
4. Add its name to `features.derived` in the configuration.
5. Run `preprocess`: it names the line of a mistake. Then the tests: they hold tables and single
   rows equal. A missing value in gives one out.
"""

from .helpers import (
    Column,
    cos_cycle,
    cosine,
    hour,
    join,
    modulo,
    month,
    radians,
    sin_cycle,
    sine,
    weekday_name,
)
from .registry import feature


@feature()
def departure_hour_sin(scheduled_departure: Column) -> Column:
    """Hour of the day on a circle, so that 23 h lies beside 0 h (sine part)."""
    return sin_cycle(hour(scheduled_departure), 24)


@feature()
def departure_hour_cos(scheduled_departure: Column) -> Column:
    """Hour of the day on a circle (cosine part)."""
    return cos_cycle(hour(scheduled_departure), 24)


@feature(kind="category")
def weekday(scheduled_departure: Column) -> Column:
    """Day of the week, Mon to Sun."""
    return weekday_name(scheduled_departure)


@feature()
def month_sin(scheduled_departure: Column) -> Column:
    """Month on a circle, so that December lies beside January (sine part)."""
    return sin_cycle(month(scheduled_departure), 12)


@feature()
def month_cos(scheduled_departure: Column) -> Column:
    """Month on a circle (cosine part)."""
    return cos_cycle(month(scheduled_departure), 12)


@feature(kind="category")
def route(origin: Column, dest: Column) -> Column:
    """From where to where, such as JFK-LAX."""
    return join("-", origin, dest)


@feature()
def scheduled_duration(departure_minute: Column, arrival_minute: Column) -> Column:
    """Minutes from departure to arrival by the clocks on site, also across midnight."""
    return modulo(arrival_minute - departure_minute, 1440)


@feature()
def wind_east(wind_speed: Column, wind_dir: Column) -> Column:
    """Wind towards the east, in the unit of wind_speed; wind_dir is where it comes from."""
    return -wind_speed * sine(radians(wind_dir))


@feature()
def wind_north(wind_speed: Column, wind_dir: Column) -> Column:
    """Wind towards the north, in the unit of wind_speed; wind_dir is where it comes from."""
    return -wind_speed * cosine(radians(wind_dir))
