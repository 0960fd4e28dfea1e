"""A stream's language and flags: what containers can keep, measured by writing and reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from av.stream import Disposition

if TYPE_CHECKING:
    from impasto.media.formats import Family

_QUICKTIME = (
    "alb amh ara arm asm aym aze baq bel ben tib bul bur cat ces chi wel dan ger dut dzo gre eng "
    "epo est per fin fra geo grn guj heb hin hun ice ind iri ita jav jpn kal kan kas kaz khm kin "
    "kir kon kor kur lao lat lav lit mac mal mar may mlg mlt mol mon nep nor nya ori orm pan pol "
    "por pus que ron run rus san sin slk slv snd som spa sun swa sve tam tat tel tgk tgl tha tir "
    "tuk tur uig ukr urd uzb vie yid"
)
"""The ISO 639-2 codes in QuickTime's table of Macintosh languages, in its spelling."""

_ALSO = (
    "alb:sqi arm:hye baq:eus bur:mya chi:zho cze:ces dut:nld fre:fra geo:kat ger:deu gre:ell "
    "ice:isl mac:mkd mao:mri may:msa per:fas rum:ron slo:slk sve:swe tib:bod wel:cym"
)
_SPELLINGS = dict(pair.split(":") for pair in _ALSO.split()) | {"": "und"}

_FLAGS: dict[Family, Disposition] = {
    "mp4": Disposition.default
    | Disposition.dub
    | Disposition.comment
    | Disposition.forced
    | Disposition.hearing_impaired
    | Disposition.visual_impaired
    | Disposition.captions
    | Disposition.descriptions
    | Disposition.attached_pic,
    "mov": Disposition.default | Disposition.attached_pic,
    "mkv": Disposition.default
    | Disposition.dub
    | Disposition.original
    | Disposition.comment
    | Disposition.forced
    | Disposition.hearing_impaired
    | Disposition.visual_impaired
    | Disposition.attached_pic,
}
_FLAGS["webm"] = _FLAGS["mkv"]

_TWINS = (
    Disposition.hearing_impaired | Disposition.captions,
    Disposition.visual_impaired | Disposition.descriptions,
)
"""Flags of which MP4 stores one, and both are read."""


def same_language(code: str | None) -> str:
    """Return the terminological spelling of an ISO 639-2 code; ``und`` where there is none."""
    return _SPELLINGS.get(code or "", code or "")


_IN_QUICKTIME = {same_language(code): code for code in _QUICKTIME.split()}


def language(code: str | None, family: Family) -> str | None:
    """Return a language as a container spells it; None where it cannot hold it."""
    same = same_language(code)
    return _IN_QUICKTIME.get(same) if family == "mov" and same != "und" else same


def flags(found: Disposition, family: Family) -> tuple[Disposition, Disposition]:
    """Split a stream's flags into those that a container keeps and those that it loses."""
    kept = found & _FLAGS[family]
    return kept, found & ~kept


def implied(found: Disposition) -> Disposition:
    """Return the flags that a container may add to those that it keeps: the default, and twins."""
    added = Disposition.default
    for twins in _TWINS:
        added |= twins if found & twins else Disposition(0)
    return added
