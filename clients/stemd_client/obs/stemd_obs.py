"""The script for Tools > Scripts in OBS Studio: a stem as a source with a meter and a fader of its own.

`stemd obs install-script` puts it where OBS finds it, with the packages that it needs in the folder beside it. A copy
of it under another name is a second source, for another stem.
"""

import sys
from pathlib import Path
from typing import Any

import obspython as obs  # type: ignore[import-not-found]  # only inside OBS

_PACKAGES = str(Path(__file__).parent / "packages")
_NO_PICTURE_KIND = "ffmpeg_source"  # a media source without a medium: it plays what it is given

_fault = ""
# First while they are imported, so that nothing older is found; gone afterwards, so that no other script finds them.
sys.path.insert(0, _PACKAGES)
try:
    from stemd_client.obs.feed import Feed, Wanted
    from stemd_client.obs.libobs import SourceOutput
except ImportError as exc:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    _fault = f"cannot start: {exc}\nOBS runs Python {version}: stemd obs install-script --python {version}"
finally:
    sys.path.remove(_PACKAGES)


class Player:
    """The source in the mixer, and the feed that plays into it."""

    def __init__(self, settings: Any) -> None:
        self._stem = obs.obs_data_get_string(settings, "stem")
        self._source = self._made(settings)
        self._channel = _free_channel()
        # A channel of its own: it sounds in every scene, as the microphone does, and is in no list of sources.
        obs.obs_set_output_source(self._channel, self._source)
        self.feed = Feed(SourceOutput(int(self._source)), _wanted(settings), _gain(settings))
        self._said = ""

    def _made(self, settings: Any) -> Any:
        """The source as it was when its fader, mute, filters and tracks were saved; or a new one."""
        saved = obs.obs_data_get_obj(settings, "source")
        if saved:
            source = obs.obs_load_source(saved)
            obs.obs_data_release(saved)
            if source:
                return source
        return obs.obs_source_create(_NO_PICTURE_KIND, f"stemd {self._stem}", None, None)

    def update(self, settings: Any) -> None:
        """Take the settings up."""
        stem = obs.obs_data_get_string(settings, "stem")
        if stem != self._stem and obs.obs_source_get_name(self._source) == f"stemd {self._stem}":
            obs.obs_source_set_name(self._source, f"stemd {stem}")
        self._stem = stem
        self.feed.gain = _gain(settings)
        self.feed.want(_wanted(settings))

    def save(self, settings: Any) -> None:
        """Keep fader, mute, filters and tracks."""
        saved = obs.obs_save_source(self._source)
        obs.obs_data_set_obj(settings, "source", saved)
        obs.obs_data_release(saved)

    def log(self) -> None:
        """Write to the script log what has changed."""
        text = self.feed.state.text
        if text != self._said:
            self._said = text
            obs.script_log(obs.LOG_INFO, text)

    def close(self) -> None:
        """Stop, and leave nothing behind."""
        self.feed.close()  # first: it holds the address of the source
        obs.obs_set_output_source(self._channel, None)
        obs.obs_source_remove(self._source)
        obs.obs_source_release(self._source)


_player: Player | None = None


def _free_channel() -> int:
    """The last channel that nobody uses; OBS itself uses the first seven."""
    for channel in range(63, 6, -1):
        source = obs.obs_get_output_source(channel)
        if not source:
            return channel
        obs.obs_source_release(source)
    return 63


def _wanted(settings: Any) -> "Wanted":
    return Wanted(*(obs.obs_data_get_string(settings, key).strip() for key in ("address", "stream", "stem")))


def _gain(settings: Any) -> float:
    return float(10 ** (obs.obs_data_get_double(settings, "gain") / 20))


def _look() -> None:
    if _player:
        _player.log()


def _refresh(properties: Any, _: Any) -> bool:
    """Say how it stands now, and what there is to choose from."""
    known = _player.feed.state if _player else None
    text = known.text if known else _fault or "stopped"
    obs.obs_property_set_description(obs.obs_properties_get(properties, "state"), text)
    for key, names in (("stream", known.streams if known else ()), ("stem", known.stems if known else ())):
        choice = obs.obs_properties_get(properties, key)
        obs.obs_property_list_clear(choice)
        for name in names:
            obs.obs_property_list_add_string(choice, name, name)
    return True


def script_description() -> str:
    """What OBS shows above the settings."""
    text = "<b>stemd</b>: a stem of a running stemd, with its own meter and fader in the mixer."
    return f"{text}<br><br>{_fault}" if _fault else text


def script_defaults(settings: Any) -> None:
    """The settings before anybody changed them."""
    obs.obs_data_set_default_string(settings, "stem", "instrumental")


def script_properties() -> Any:
    """The settings."""
    properties = obs.obs_properties_create()
    state = obs.obs_properties_add_text(properties, "state", "", obs.OBS_TEXT_INFO)
    obs.obs_property_text_set_info_word_wrap(state, True)
    obs.obs_properties_add_button(properties, "refresh", "Refresh", _refresh)
    address = obs.obs_properties_add_text(properties, "address", "Address", obs.OBS_TEXT_DEFAULT)
    obs.obs_property_set_long_description(address, "Empty: the stemd of this machine; else tcp://host:port")
    for key, label in (("stream", "Stream (empty: the first)"), ("stem", "Stem")):
        kind, form = obs.OBS_COMBO_TYPE_EDITABLE, obs.OBS_COMBO_FORMAT_STRING
        obs.obs_properties_add_list(properties, key, label, kind, form)
    obs.obs_properties_add_float_slider(properties, "gain", "Gain (dB)", -40.0, 18.0, 0.5)
    _refresh(properties, None)
    return properties


def script_load(settings: Any) -> None:
    """Make the source and start."""
    global _player  # noqa: PLW0603 - OBS calls functions of the module
    if not _fault:
        _player = Player(settings)
        obs.timer_add(_look, 500)


def script_update(settings: Any) -> None:
    """Settings were changed."""
    if _player:
        _player.update(settings)


def script_save(settings: Any) -> None:
    """OBS saves the scene collection."""
    if _player:
        _player.save(settings)


def script_unload() -> None:
    """The script is taken away, or OBS ends."""
    global _player  # noqa: PLW0603 - OBS calls functions of the module
    obs.timer_remove(_look)
    if _player:
        _player.close()
        _player = None
