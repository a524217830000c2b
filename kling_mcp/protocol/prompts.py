"""Prompts for the common workflows, for the user to start from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from kling_mcp.safety.redact import quoted

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer

__all__ = ["add"]

_RULES = (
    "Quote before you create, tell me the price, and stay within my limit. Never create again "
    "because of a time-out: wait with kling_wait_tasks. Judge the result with kling_preview before "
    "you call it good, and save it with kling_download."
)


Photo = Annotated[str, Field(description="https URL, path in an allowed folder, or kling:// URI")]
Motion = Annotated[str, Field(description="What moves and how; chosen for you when left out")]
Model = Annotated[str, Field(description="Model, such as kling-v2-6")]
Product = Annotated[str, Field(description="What is advertised, in a few words")]
Style = Annotated[str, Field(description="Look and mood")]
Budget = Annotated[str, Field(description="The most to spend in all, US dollars")]
Idea = Annotated[str, Field(description="The story, in a sentence or a page")]
Shots = Annotated[str, Field(description="How many shots")]
Ratio = Annotated[str, Field(description="16:9, 9:16 or 1:1")]


def add(server: MCPServer[Any]) -> None:
    """Add the prompts."""

    @server.prompt(
        name="animate_photo",
        title="Animate a photo",
        description="Bring a photo to life: one clip of 5 or 10 seconds from one picture.",
    )
    def animate_photo(photo: Photo, motion: Motion = "", model: Model = "") -> str:
        moves = quoted(motion) if motion else "choose one that suits it, gentle and natural"
        return (
            f"Animate the photo {quoted(photo, 1000)} with kling_image_to_video.\n"
            f"Motion: {moves}.\n{_model(model)}"
            "Describe movement of subject and camera, not what the photo shows already.\n"
            f"{_RULES}"
        )

    @server.prompt(
        name="product_clip",
        title="Product clip",
        description="A short advertising clip of a product from its photo: still, clip, variants.",
    )
    def product_clip(
        photo: Photo, product: Product, style: Style = "", budget_usd: Budget = "2"
    ) -> str:
        return (
            f"Make an advertising clip of {quoted(product)} from the photo {quoted(photo, 1000)}.\n"
            f"Style: {quoted(style) if style else 'clean studio, soft light'}. "
            f"Spend at most {quoted(budget_usd, 20)} US dollars in all.\n"
            "1. If the photo is not a clean still, make one with kling_image_generation and "
            "image_reference=subject.\n"
            "2. Animate it with kling_image_to_video: a slow orbit or push-in, the product sharp "
            "and unchanged.\n"
            "3. Look at it with kling_preview: shape, label and colour must be those of the photo. "
            f"If not, say what differs before you pay for another take (take=2).\n{_RULES}"
        )

    @server.prompt(
        name="storyboard",
        title="Storyboard",
        description="Split an idea into shots, agree on them and their price, then make them.",
    )
    def storyboard(idea: Idea, shots: Shots = "4", aspect_ratio: Ratio = "16:9") -> str:
        return (
            f"Split this idea into {quoted(shots, 3)} shots of 5 seconds: {quoted(idea, 2000)}\n"
            f"Aspect ratio {quoted(aspect_ratio, 5)}. Keep people, places and light the same from "
            "shot to shot by the same words.\n"
            "First show me the list: number, prompt, camera, and the price of each by kling_quote "
            "with the sum. Create nothing before I agree.\n"
            "Then create each shot with kling_text_to_video, or with kling_image_to_video from the "
            "last frame of the shot before where it goes on, wait_seconds=0, and wait for all "
            f"together with kling_wait_tasks.\n{_RULES}"
        )


def _model(name: str) -> str:
    return f"Model: {quoted(name, 60)}.\n" if name else ""
