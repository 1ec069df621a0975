"""What parts of the configuration have in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Part of the configuration: unknown keys are refused, values cannot be changed."""

    model_config = ConfigDict(frozen=True, extra="forbid")
