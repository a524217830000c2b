"""Written by `make generate` from the declarations; never edited."""
# pyright: reportIncompatibleMethodOverride=false

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Required, TypedDict, Unpack

from kling_core.declare import shared_fields
from kling_core.declare.endpoint import Check, Endpoint, Request
from kling_core.declare.fields import Param
from kling_core.endpoints.image_generation import ImageGeneration
from kling_core.endpoints.image_to_video import ImageToVideo
from kling_core.endpoints.lip_sync import LipSync
from kling_core.endpoints.multi_image_to_video import MultiImageToVideo
from kling_core.endpoints.text_to_video import TextToVideo
from kling_core.endpoints.video_effects import VideoEffects
from kling_core.endpoints.video_extension import VideoExtension
from kling_core.endpoints.virtual_try_on import VirtualTryOn
from kling_core.flows.runner import AsyncRunner, Runner
from kling_core.rules.price import Quote
from kling_core.task import AsyncTask, Task

Money = Decimal | float | str
Place = str | Path | None

class BaseResource:
    endpoint: Endpoint
    def __init__(self, owner: Runner[Task] | AsyncRunner[AsyncTask], endpoint: Endpoint) -> None: ...
    def request(self, **fields: Any) -> Request: ...
    def check(self, **fields: Any) -> Check: ...
    def quote(self, **fields: Any) -> Quote | None: ...

class Resource(BaseResource):
    def __init__(self, client: Runner[Task], endpoint: Endpoint) -> None: ...
    def create(self, *, max_cost: Decimal | float | str | None=None, project: str | None=None, dedupe: float | None=None, **fields: Any) -> Task: ...
    def get(self, task_id: str | int) -> Task: ...
    def list(self, page: int=1, size: int=30) -> list[Task]: ...
    def presets(self, page: int=1, size: int=30) -> list[Task]: ...
    def iterate(self, size: int=100) -> Iterator[Task]: ...
    def run(self, *, out: str | Path | None=None, timeout: float | None=None, on_update: Callable[[Task], Any] | None=None, max_cost: Decimal | float | str | None=None, project: str | None=None, dedupe: float | None=None, **fields: Any) -> Task: ...

class AsyncResource(BaseResource):
    def __init__(self, client: AsyncRunner[AsyncTask], endpoint: Endpoint) -> None: ...
    async def create(self, *, max_cost: Decimal | float | str | None=None, project: str | None=None, dedupe: float | None=None, **fields: Any) -> AsyncTask: ...
    async def get(self, task_id: str | int) -> AsyncTask: ...
    async def list(self, page: int=1, size: int=30) -> list[AsyncTask]: ...
    async def presets(self, page: int=1, size: int=30) -> list[AsyncTask]: ...
    def iterate(self, size: int=100) -> AsyncIterator[AsyncTask]: ...
    async def run(self, *, out: str | Path | None=None, timeout: float | None=None, on_update: Callable[[AsyncTask], Any] | None=None, max_cost: Decimal | float | str | None=None, project: str | None=None, dedupe: float | None=None, **fields: Any) -> AsyncTask: ...

def id_of(task_id: Any) -> str: ...

def whole(name: str, value: Any, *, endpoint: str='') -> int: ...

def limit(max_cost: Decimal | float | str | None) -> Decimal | None: ...

def fields_of(endpoint: Endpoint) -> list[tuple[Param, str]]: ...

class ImageGenerationFields(TypedDict, total=False):
    prompt: Required[str]
    """What the image shows. [characters]"""
    negative_prompt: str | None
    """What to keep out of the picture. Kling advises negative wording in the prompt instead. [characters]"""
    model_name: str | None
    """Model to use, see `kling models`. Names that we do not know pass with a warning."""
    image: shared_fields.MediaInput | None
    """Image to start from."""
    image_reference: Literal["subject", "face"] | None
    """What to keep of `image`; face needs exactly one face."""
    image_fidelity: float | None
    """How closely to keep `image`."""
    human_fidelity: float | None
    """How closely to keep the face of a subject."""
    element_list: Sequence[shared_fields.ElementRef | Mapping[str, int] | int] | None
    """Elements of the account to use; elements and image at most 10; kling-v3."""
    resolution: Literal["1k", "2k"] | None
    """Size of the images. Default: 1k."""
    n: int | None
    """How many images; each takes a slot. [images] Default: 1."""
    aspect_ratio: shared_fields.ImageRatio | None
    """Width to height. Default: 16:9."""
    external_task_id: str | None
    """Your own id of the task, unique in the account; one is made when you give none."""
    callback_url: str | None
    """URL that Kling calls when the status changes."""
    watermark_info: shared_fields.WatermarkInfo | Mapping[str, bool] | bool | None
    """Also make a watermarked copy."""

class ImageGenerationResource(Resource):
    def request(self, **fields: Unpack[ImageGenerationFields]) -> ImageGeneration: ...
    def check(self, **fields: Unpack[ImageGenerationFields]) -> Check: ...
    def quote(self, **fields: Unpack[ImageGenerationFields]) -> Quote | None: ...
    def create(self, *, max_cost: Money | None = None, project: str | None = None, dedupe: float | None = None, **fields: Unpack[ImageGenerationFields]) -> Task: ...
    def run(self, *, out: Place = None, timeout: float | None = None, on_update: Callable[[Task], Any] | None = None, max_cost: Money | None = None, project: str | None = None, dedupe: float | None = None, **fields: Unpack[ImageGenerationFields]) -> Task: ...

class ImageGenerationAsyncResource(AsyncResource):
    def request(self, **fields: Unpack[ImageGenerationFields]) -> ImageGeneration: ...
    def check(self, **fields: Unpack[ImageGenerationFields]) -> Check: ...
    def quote(self, **fields: Unpack[ImageGenerationFields]) -> Quote | None: ...
    async def create(self, *, max_cost: Money | None = None, project: str | None = None, dedupe: float | None = None, **fields: Unpack[ImageGenerationFields]) -> AsyncTask: ...
    async def run(self, *, out: Place = None, timeout: float | None = None, on_update: Callable[[AsyncTask], Any] | None = None, max_cost: Money | None = None, project: str | None = None, dedupe: float | None = None, **fields: Unpack[ImageGenerationFields]) -> AsyncTask: ...

class ImageToVideoFields(TypedDict, total=False):
    image: shared_fields.MediaInput | None
    """Start frame."""
    image_tail: shared_fields.MediaInput | None
    """End frame."""
    prompt: str | None
    """What happens in the video. [characters]"""
    negative_prompt: str | None
    """What to keep out of the picture. Kling advises negative wording in the prompt instead. [characters]"""
    model_name: str | None
    """Model to use, see `kling models`. Names that we do not know pass with a warning."""
    mode: shared_fields.Mode | None
    """Quality: std (720p), pro (1080p), 4k where the model has it. Default: std."""
    duration: int | str | None
    """Length of the clip; which lengths, the model decides. [seconds] Default: 5."""
    sound: shared_fields.Switch | bool | None
    """Generate sound with the video; costs more. Default: off."""
    cfg_scale: float | None
    """How closely to follow the prompt: 0 free, 1 strict. Not for kling-v2 models."""
    camera_control: shared_fields.CameraControl | Mapping[str, Any] | str | None
    """Simple camera move, such as zoom=5; kling-v1-5 pro 5 s only."""
    static_mask: shared_fields.MediaInput | None
    """Mask of the area that stays still (motion brush)."""
    dynamic_masks: Sequence[shared_fields.DynamicMask | Mapping[str, Any]] | None
    """Up to 6 masked regions, each with the path along which it moves (motion brush)."""
    multi_shot: bool | None
    """Several shots in one clip; kling-v3."""
    shot_type: Literal["customize", "intelligence"] | None
    """customize: `multi_prompt` sets the shots; intelligence: the model does."""
    multi_prompt: Sequence[shared_fields.Shot | Mapping[str, Any]] | None
    """The shots, 1 to 6; their durations add up to `duration`."""
    element_list: Sequence[shared_fields.ElementRef | Mapping[str, int] | int] | None
    """Elements of the account to use, up to 3; kling-v3."""
    voice_list: Sequence[shared_fields.VoiceRef | Mapping[str, str] | str] | None
    """Voices that the prompt cites as <<<voice_1>>>, up to 2; kling-v2-6 pro with sound."""
    external_task_id: str | None
    """Your own id of the task, unique in the account; one is made when you give none."""
    callback_url: str | None
    """URL that Kling calls when the status changes."""
    watermark_info: shared_fields.WatermarkInfo | Mapping[str, bool] | bool | None
    """Also make a watermarked copy."""

class ImageToVideoResource(Resource):
    def request(self, **fields: Unpack[ImageToVideoFields]) -> ImageToVideo: ...
    def check(self, **fields: Unpack[ImageToVideoFields]) -> Check: ...
    def quote(self, **fields: Unpack[ImageToVideoFields]) -> Quote | None: ...
    def create(self, *, max_cost: Money | None = None, project: str | None = None, dedupe: float | None = None, **fields: Unpack[ImageToVideoFields]) -> Task: ...
    def run(self, *, out: Place = None, timeout: float | None = None, on_update: Callable[[Task], Any] | None = None, max_cost: Money | None = None, project: str | None = None, dedupe: float | None = None, **fields: Unpack[ImageToVideoFields]) -> Task: ...

class ImageToVideoAsyncResource(AsyncResource):
    def request(self, **fields: Unpack[ImageToVideoFields]) -> ImageToVideo: ...
    def check(self, **fields: Unpack[ImageToVideoFields]) -> Check: ...
    def quote(self, **fields: Unpack[ImageToVideoFields]) -> Quote | None: ...
    async def create(self, *, max_cost: Money | None = None, project: str | None = None, dedupe: float | None = None, **fields: Unpack[ImageToVideoFields]) -> AsyncTask: ...
    async def run(self, *, out: Place = None, timeout: float | None = None, on_update: Callable[[AsyncTask], Any] | None = None, max_cost: Money | None = None, project: str | None = None, dedupe: float | None = None, **fields: Unpack[ImageToVideoFields]) -> AsyncTask: ...

class LipSyncFields(TypedDict, total=False):
    video_id: str | None
    """Id of the video (not of its task), at most 30 days old."""
    video_url: shared_fields.MediaInput | None
    """URL of a video: mp4 or mov, 720p or 1080p, 2 to 60 s, at most 100 MB."""
    text: str | None
    """What is said. [characters]"""
    voice_id: str | None
    """Voice that speaks the text, see `kling models lip-sync`."""
    voice_language: Literal["zh", "en"] | None
    """Language of the voice; taken from the voice when left out."""
    voice_speed: float | None
    """Speed of speech, with one decimal."""
    audio: shared_fields.MediaInput | None
    """Sound to speak instead of a text: mp3, wav, m4a or aac, at most 5 MB, 2 to 60 s."""
    mode: Literal["text2video", "audio2video"] | None
    """Inferred from `text` or `audio` when left out."""
    callback_url: str | None
    """URL that Kling calls when the status changes."""

class LipSyncResource(Resource):
    def request(self, **fields: Unpack[LipSyncFields]) -> LipSync: ...
    def check(self, **fields: Unpack[LipSyncFields]) -> Check: ...
    def quote(self, **fields: Unpack[LipSyncFields]) -> Quote | None: ...
    def create(self, *, max_cost: Money | None = None, project: str | None = None, dedupe: float | None = None, **fields: Unpack[LipSyncFields]) -> Task: ...
    def run(self, *, out: Place = None, timeout: float | None = None, on_update: Callable[[Task], Any] | None = None, max_cost: Money | None = None, project: str | None = None, dedupe: float | None = None, **fields: Unpack[LipSyncFields]) -> Task: ...

class LipSyncAsyncResource(AsyncResource):
    def request(self, **fields: Unpack[LipSyncFields]) -> LipSync: ...
    def check(self, **fields: Unpack[LipSyncFields]) -> Check: ...
    def quote(self, **fields: Unpack[LipSyncFields]) -> Quote | None: ...
    async def create(self, *, max_cost: Money | None = None, project: str | None = None, dedupe: float | None = None, **fields: Unpack[LipSyncFields]) -> AsyncTask: ...
    async def run(self, *, out: Place = None, timeout: float | None = None, on_update: Callable[[AsyncTask], Any] | None = None, max_cost: Money | None = None, project: str | None = None, dedupe: float | None = None, **fields: Unpack[LipSyncFields]) -> AsyncTask: ...

class MultiImageToVideoFields(TypedDict, total=False):
    image_list: Required[Sequence[shared_fields.MediaInput | Mapping[str, Any]]]
    """1 to 4 images, each cropped to its subject."""
    prompt: Required[str]
    """What the video shows. [characters]"""
    negative_prompt: str | None
    """What to keep out of the picture. Kling advises negative wording in the prompt instead. [characters]"""
    model_name: str | None
    """Model to use, see `kling models`. Names that we do not know pass with a warning."""
    mode: shared_fields.Mode | None
    """Quality: std (720p), pro (1080p), 4k where the model has it. Default: std."""
    duration: int | str | None
    """Length of the clip; which lengths, the model decides. [seconds] Default: 5."""
    aspect_ratio: shared_fields.VideoRatio | None
    """Width to height. Default: 16:9."""
    external_task_id: str | None
    """Your own id of the task, unique in the account; one is made when you give none."""
    callback_url: str | None
    """URL that Kling calls when the status changes."""
    watermark_info: shared_fields.WatermarkInfo | Mapping[str, bool] | bool | None
    """Also make a watermarked copy."""

class MultiImageToVideoResource(Resource):
    def request(self, **fields: Unpack[MultiImageToVideoFields]) -> MultiImageToVideo: ...
    def check(self, **fields: Unpack[MultiImageToVideoFields]) -> Check: ...
    def quote(self, **fields: Unpack[MultiImageToVideoFields]) -> Quote | None: ...
    def create(self, *, max_cost: Money | None = None, project: str | None = None, dedupe: float | None = None, **fields: Unpack[MultiImageToVideoFields]) -> Task: ...
    def run(self, *, out: Place = None, timeout: float | None = None, on_update: Callable[[Task], Any] | None = None, max_cost: Money | None = None, project: str | None = None, dedupe: float | None = None, **fields: Unpack[MultiImageToVideoFields]) -> Task: ...

class MultiImageToVideoAsyncResource(AsyncResource):
    def request(self, **fields: Unpack[MultiImageToVideoFields]) -> MultiImageToVideo: ...
    def check(self, **fields: Unpack[MultiImageToVideoFields]) -> Check: ...
    def quote(self, **fields: Unpack[MultiImageToVideoFields]) -> Quote | None: ...
    async def create(self, *, max_cost: Money | None = None, project: str | None = None, dedupe: float | None = None, **fields: Unpack[MultiImageToVideoFields]) -> AsyncTask: ...
    async def run(self, *, out: Place = None, timeout: float | None = None, on_update: Callable[[AsyncTask], Any] | None = None, max_cost: Money | None = None, project: str | None = None, dedupe: float | None = None, **fields: Unpack[MultiImageToVideoFields]) -> AsyncTask: ...

class TextToVideoFields(TypedDict, total=False):
    prompt: str | None
    """What the video shows. [characters]"""
    negative_prompt: str | None
    """What to keep out of the picture. Kling advises negative wording in the prompt instead. [characters]"""
    model_name: str | None
    """Model to use, see `kling models`. Names that we do not know pass with a warning."""
    mode: shared_fields.Mode | None
    """Quality: std (720p), pro (1080p), 4k where the model has it. Default: std."""
    duration: int | str | None
    """Length of the clip; which lengths, the model decides. [seconds] Default: 5."""
    aspect_ratio: shared_fields.VideoRatio | None
    """Width to height. Default: 16:9."""
    sound: shared_fields.Switch | bool | None
    """Generate sound with the video; costs more. Default: off."""
    cfg_scale: float | None
    """How closely to follow the prompt: 0 free, 1 strict. Not for kling-v2 models."""
    camera_control: shared_fields.CameraControl | Mapping[str, Any] | str | None
    """Camera move, such as zoom=5 or down_back; kling-v1 std 5 s only."""
    multi_shot: bool | None
    """Several shots in one clip; kling-v3."""
    shot_type: Literal["customize", "intelligence"] | None
    """customize: `multi_prompt` sets the shots; intelligence: the model does."""
    multi_prompt: Sequence[shared_fields.Shot | Mapping[str, Any]] | None
    """The shots, 1 to 6; their durations add up to `duration`."""
    external_task_id: str | None
    """Your own id of the task, unique in the account; one is made when you give none."""
    callback_url: str | None
    """URL that Kling calls when the status changes."""
    watermark_info: shared_fields.WatermarkInfo | Mapping[str, bool] | bool | None
    """Also make a watermarked copy."""

class TextToVideoResource(Resource):
    def request(self, **fields: Unpack[TextToVideoFields]) -> TextToVideo: ...
    def check(self, **fields: Unpack[TextToVideoFields]) -> Check: ...
    def quote(self, **fields: Unpack[TextToVideoFields]) -> Quote | None: ...
    def create(self, *, max_cost: Money | None = None, project: str | None = None, dedupe: float | None = None, **fields: Unpack[TextToVideoFields]) -> Task: ...
    def run(self, *, out: Place = None, timeout: float | None = None, on_update: Callable[[Task], Any] | None = None, max_cost: Money | None = None, project: str | None = None, dedupe: float | None = None, **fields: Unpack[TextToVideoFields]) -> Task: ...

class TextToVideoAsyncResource(AsyncResource):
    def request(self, **fields: Unpack[TextToVideoFields]) -> TextToVideo: ...
    def check(self, **fields: Unpack[TextToVideoFields]) -> Check: ...
    def quote(self, **fields: Unpack[TextToVideoFields]) -> Quote | None: ...
    async def create(self, *, max_cost: Money | None = None, project: str | None = None, dedupe: float | None = None, **fields: Unpack[TextToVideoFields]) -> AsyncTask: ...
    async def run(self, *, out: Place = None, timeout: float | None = None, on_update: Callable[[AsyncTask], Any] | None = None, max_cost: Money | None = None, project: str | None = None, dedupe: float | None = None, **fields: Unpack[TextToVideoFields]) -> AsyncTask: ...

class VideoEffectsFields(TypedDict, total=False):
    effect_scene: Required[str]
    """The scene, see `kling models video-effects`."""
    image: shared_fields.MediaInput | None
    """The image of a single-image scene."""
    images: Sequence[shared_fields.MediaInput] | None
    """The two images of a dual-image scene: left, right."""
    duration: int | str | None
    """Only for older scenes that still document it; today's take none. [seconds]"""
    mode: Literal["std", "pro"] | None
    """Only first-generation dual scenes (ended) took one."""
    model_name: str | None
    """Only scenes of 2025 (ended) took one."""
    external_task_id: str | None
    """Your own id of the task, unique in the account; one is made when you give none."""
    callback_url: str | None
    """URL that Kling calls when the status changes."""

class VideoEffectsResource(Resource):
    def request(self, **fields: Unpack[VideoEffectsFields]) -> VideoEffects: ...
    def check(self, **fields: Unpack[VideoEffectsFields]) -> Check: ...
    def quote(self, **fields: Unpack[VideoEffectsFields]) -> Quote | None: ...
    def create(self, *, max_cost: Money | None = None, project: str | None = None, dedupe: float | None = None, **fields: Unpack[VideoEffectsFields]) -> Task: ...
    def run(self, *, out: Place = None, timeout: float | None = None, on_update: Callable[[Task], Any] | None = None, max_cost: Money | None = None, project: str | None = None, dedupe: float | None = None, **fields: Unpack[VideoEffectsFields]) -> Task: ...

class VideoEffectsAsyncResource(AsyncResource):
    def request(self, **fields: Unpack[VideoEffectsFields]) -> VideoEffects: ...
    def check(self, **fields: Unpack[VideoEffectsFields]) -> Check: ...
    def quote(self, **fields: Unpack[VideoEffectsFields]) -> Quote | None: ...
    async def create(self, *, max_cost: Money | None = None, project: str | None = None, dedupe: float | None = None, **fields: Unpack[VideoEffectsFields]) -> AsyncTask: ...
    async def run(self, *, out: Place = None, timeout: float | None = None, on_update: Callable[[AsyncTask], Any] | None = None, max_cost: Money | None = None, project: str | None = None, dedupe: float | None = None, **fields: Unpack[VideoEffectsFields]) -> AsyncTask: ...

class VideoExtensionFields(TypedDict, total=False):
    video_id: Required[str]
    """Id of the video (not of its task): made by kling-v1, v1-5 or v1-6, at most 30 days old, at most 3 minutes long in the end."""
    prompt: str | None
    """What happens next. [characters]"""
    negative_prompt: str | None
    """What to keep out of the picture. Kling advises negative wording in the prompt instead. [characters]"""
    cfg_scale: float | None
    """How closely to follow the prompt: 0 free, 1 strict. Not for kling-v2 models."""
    external_task_id: str | None
    """Your own id of the task, unique in the account; one is made when you give none."""
    callback_url: str | None
    """URL that Kling calls when the status changes."""

class VideoExtensionResource(Resource):
    def request(self, **fields: Unpack[VideoExtensionFields]) -> VideoExtension: ...
    def check(self, **fields: Unpack[VideoExtensionFields]) -> Check: ...
    def quote(self, **fields: Unpack[VideoExtensionFields]) -> Quote | None: ...
    def create(self, *, max_cost: Money | None = None, project: str | None = None, dedupe: float | None = None, **fields: Unpack[VideoExtensionFields]) -> Task: ...
    def run(self, *, out: Place = None, timeout: float | None = None, on_update: Callable[[Task], Any] | None = None, max_cost: Money | None = None, project: str | None = None, dedupe: float | None = None, **fields: Unpack[VideoExtensionFields]) -> Task: ...

class VideoExtensionAsyncResource(AsyncResource):
    def request(self, **fields: Unpack[VideoExtensionFields]) -> VideoExtension: ...
    def check(self, **fields: Unpack[VideoExtensionFields]) -> Check: ...
    def quote(self, **fields: Unpack[VideoExtensionFields]) -> Quote | None: ...
    async def create(self, *, max_cost: Money | None = None, project: str | None = None, dedupe: float | None = None, **fields: Unpack[VideoExtensionFields]) -> AsyncTask: ...
    async def run(self, *, out: Place = None, timeout: float | None = None, on_update: Callable[[AsyncTask], Any] | None = None, max_cost: Money | None = None, project: str | None = None, dedupe: float | None = None, **fields: Unpack[VideoExtensionFields]) -> AsyncTask: ...

class VirtualTryOnFields(TypedDict, total=False):
    human_image: Required[shared_fields.MediaInput]
    """The person."""
    cloth_image: Required[shared_fields.MediaInput]
    """The garment: a product photo or one on white; upper, lower or dress."""
    model_name: str | None
    """Model to use, see `kling models`. Names that we do not know pass with a warning."""
    external_task_id: str | None
    """Your own id of the task, unique in the account; one is made when you give none."""
    callback_url: str | None
    """URL that Kling calls when the status changes."""

class VirtualTryOnResource(Resource):
    def request(self, **fields: Unpack[VirtualTryOnFields]) -> VirtualTryOn: ...
    def check(self, **fields: Unpack[VirtualTryOnFields]) -> Check: ...
    def quote(self, **fields: Unpack[VirtualTryOnFields]) -> Quote | None: ...
    def create(self, *, max_cost: Money | None = None, project: str | None = None, dedupe: float | None = None, **fields: Unpack[VirtualTryOnFields]) -> Task: ...
    def run(self, *, out: Place = None, timeout: float | None = None, on_update: Callable[[Task], Any] | None = None, max_cost: Money | None = None, project: str | None = None, dedupe: float | None = None, **fields: Unpack[VirtualTryOnFields]) -> Task: ...

class VirtualTryOnAsyncResource(AsyncResource):
    def request(self, **fields: Unpack[VirtualTryOnFields]) -> VirtualTryOn: ...
    def check(self, **fields: Unpack[VirtualTryOnFields]) -> Check: ...
    def quote(self, **fields: Unpack[VirtualTryOnFields]) -> Quote | None: ...
    async def create(self, *, max_cost: Money | None = None, project: str | None = None, dedupe: float | None = None, **fields: Unpack[VirtualTryOnFields]) -> AsyncTask: ...
    async def run(self, *, out: Place = None, timeout: float | None = None, on_update: Callable[[AsyncTask], Any] | None = None, max_cost: Money | None = None, project: str | None = None, dedupe: float | None = None, **fields: Unpack[VirtualTryOnFields]) -> AsyncTask: ...

class SyncMethods:
    @property
    def image_generation(self) -> ImageGenerationResource: ...
    @property
    def image_to_video(self) -> ImageToVideoResource: ...
    @property
    def lip_sync(self) -> LipSyncResource: ...
    @property
    def multi_image_to_video(self) -> MultiImageToVideoResource: ...
    @property
    def text_to_video(self) -> TextToVideoResource: ...
    @property
    def video_effects(self) -> VideoEffectsResource: ...
    @property
    def video_extension(self) -> VideoExtensionResource: ...
    @property
    def virtual_try_on(self) -> VirtualTryOnResource: ...

class AsyncMethods:
    @property
    def image_generation(self) -> ImageGenerationAsyncResource: ...
    @property
    def image_to_video(self) -> ImageToVideoAsyncResource: ...
    @property
    def lip_sync(self) -> LipSyncAsyncResource: ...
    @property
    def multi_image_to_video(self) -> MultiImageToVideoAsyncResource: ...
    @property
    def text_to_video(self) -> TextToVideoAsyncResource: ...
    @property
    def video_effects(self) -> VideoEffectsAsyncResource: ...
    @property
    def video_extension(self) -> VideoExtensionAsyncResource: ...
    @property
    def virtual_try_on(self) -> VirtualTryOnAsyncResource: ...
