"""What a synthetic series says about itself: frozen descriptions, with the defaults of a scanner.

Only descriptions live here; `ct` and `pet` turn them into elements.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from enum import StrEnum

from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from phantoms.dicom.people import PatientHeader
from phantoms.dicom.scanners import SIEMENS_BIOGRAPH, Scanner
from phantoms.dicom.uids import uid_from

HALF_LIFE_F18_S = 6586.2  # 109.77 min, the value that most scanners write


class TransferSyntax(StrEnum):
    """How the pixels are encoded; the lossy ones must not be measured.

    JPEG 2000 needs at least 32 rows and columns.
    """

    EXPLICIT_LITTLE = "explicit_little"
    IMPLICIT_LITTLE = "implicit_little"
    EXPLICIT_BIG = "explicit_big"
    DEFLATED = "deflated"
    RLE = "rle"
    JPEG_LS = "jpeg_ls"
    JPEG_2000 = "jpeg_2000"
    JPEG_LS_NEAR = "jpeg_ls_near"
    """Near-lossless: every voxel may be wrong by a few units."""
    JPEG_2000_LOSSY = "jpeg_2000_lossy"

    @property
    def uid(self) -> UID:
        """Transfer Syntax UID."""
        return _SYNTAX_UIDS[self]

    @property
    def is_lossy(self) -> bool:
        """Whether voxel values change."""
        return self in (TransferSyntax.JPEG_LS_NEAR, TransferSyntax.JPEG_2000_LOSSY)


_SYNTAX_UIDS = {
    TransferSyntax.EXPLICIT_LITTLE: ExplicitVRLittleEndian,
    TransferSyntax.IMPLICIT_LITTLE: ImplicitVRLittleEndian,
    TransferSyntax.EXPLICIT_BIG: ExplicitVRBigEndian,
    TransferSyntax.DEFLATED: DeflatedExplicitVRLittleEndian,
    TransferSyntax.RLE: RLELossless,
    TransferSyntax.JPEG_LS: JPEGLSLossless,
    TransferSyntax.JPEG_2000: JPEG2000Lossless,
    TransferSyntax.JPEG_LS_NEAR: JPEGLSNearLossless,
    TransferSyntax.JPEG_2000_LOSSY: JPEG2000,
}


class Layout(StrEnum):
    """One file per slice, or one file for all."""

    SINGLE_FRAME = "single_frame"
    ENHANCED = "enhanced"
    LEGACY_CONVERTED = "legacy_converted"


class CtStorage(StrEnum):
    """How HU become stored integers."""

    UNSIGNED_12 = "unsigned_12"
    """12 bits, intercept -1024: clips above 3071 HU, as most scanners do."""
    SIGNED_12 = "signed_12"
    """12 bits with the sign in bit 11, intercept 0: clips above 2047 HU."""
    SIGNED_16 = "signed_16"
    """16 bits, intercept 0."""
    SIGNED_16_SHIFTED = "signed_16_shifted"
    """16 bits signed and yet intercept -1024, as GE writes."""
    UNSIGNED_16 = "unsigned_16"
    """16 bits, intercept -8192: the extended HU scale for metal."""


class PetUnits(StrEnum):
    """Units (0054,1001)."""

    BQML = "BQML"
    GML = "GML"
    CM2ML = "CM2ML"
    CNTS = "CNTS"
    PROPCNTS = "PROPCNTS"


class SuvType(StrEnum):
    """SUV Type (0054,1006), beside Units GML."""

    ABSENT = ""
    BW = "BW"
    LBM = "LBM"
    LBMJAMES128 = "LBMJAMES128"
    LBMJANMA = "LBMJANMA"
    IBW = "IBW"
    BSA = "BSA"


class DecayCorrection(StrEnum):
    """Decay Correction (0054,1102): the moment that activities are corrected to."""

    START = "START"
    ADMIN = "ADMIN"
    NONE = "NONE"


class PhilipsFactors(StrEnum):
    """Which private factors accompany Units CNTS."""

    BOTH = "both"
    SUV_ONLY = "suv_only"
    ACTIVITY_ONLY = "activity_only"
    NEITHER = "neither"


class TimeConvention(StrEnum):
    """What Series Time, Acquisition Time and the decay reference have to do with one another."""

    SERIES = "series"
    """Series Time is the start of the first bed and the reference of all beds; each bed has its
    own Acquisition Time."""
    ONE_TIME = "one_time"
    """All images carry one Acquisition Time, equal to Series Time."""
    REWRITTEN = "rewritten"
    """As SERIES, but post-processing wrote a later Series Time."""
    OWN_BED = "own_bed"
    """Each bed is corrected to its own start, which is its Acquisition Time."""


class FrameReference(StrEnum):
    """What Frame Reference Time (0054,1300) holds."""

    VENDOR = "vendor"
    """The vendor's meaning: GE the bed's start, others its average activity, since the
    reference."""
    ZERO = "zero"
    """A placeholder: 0 in every image."""
    ABSENT = "absent"


class StartTags(StrEnum):
    """Which of the two elements give the start of the injection."""

    BOTH = "both"
    DATETIME = "datetime"
    TIME = "time"


class Tracer(StrEnum):
    """What was injected."""

    NAF = "naf"
    FDG = "fdg"


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitHeader:
    """One study: what its CT and PET share (study and frame of reference UIDs among it).

    Parameters
    ----------
    seed : str
        All UIDs are made from it; give each patient's visit its own.
    patient : PatientHeader
        Who was scanned, with this visit's weight.
    started : datetime
        Start of the study; the CT is acquired two minutes later, the PET four.
    """

    seed: str = "phantom/P01/inclusion"
    patient: PatientHeader = field(default_factory=PatientHeader)
    started: dt.datetime = dt.datetime(2021, 3, 16, 10, 14, 0)
    description: str = "WHOLE BODY NAF PET CT"

    @property
    def study_uid(self) -> UID:
        """Study Instance UID."""
        return uid_from(self.seed, "study")

    @property
    def frame_of_reference_uid(self) -> UID:
        """Frame of Reference UID, shared by CT and PET."""
        return uid_from(self.seed, "frame of reference")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesHeader:
    """What every series states, CT or PET."""

    visit: VisitHeader = field(default_factory=VisitHeader)
    scanner: Scanner = SIEMENS_BIOGRAPH
    series_number: int = 2
    series_description: str = ""
    image_type: tuple[str, ...] = ("ORIGINAL", "PRIMARY", "AXIAL")
    slice_thickness_mm: float | None = None
    """Nominal thickness; the spacing between slices when not given."""
    patient_position: str = "HFS"
    transfer_syntax: TransferSyntax = TransferSyntax.EXPLICIT_LITTLE
    layout: Layout = Layout.SINGLE_FRAME

    def series_uid_for(self, modality: str) -> UID:
        """Series Instance UID."""
        return uid_from(self.visit.seed, modality, self.series_number, self.series_description)


@dataclass(frozen=True, slots=True, kw_only=True)
class CtHeader(SeriesHeader):
    """A CT series; the defaults are a low-dose whole-body CT in a bone kernel."""

    series_description: str = "WB LOW DOSE CT 1.5 BONE"
    kernel: str = ""
    """Convolution Kernel; the scanner's bone kernel when empty."""
    kvp: float = 120.0
    tube_current_ma: int = 60
    exposure_time_ms: int = 500
    storage: CtStorage = CtStorage.UNSIGNED_12
    slice_rescale: bool = False
    """A slope and intercept of its own in every slice (some PACS rescale so)."""

    @property
    def acquired(self) -> dt.datetime:
        """Start of the acquisition."""
        return self.visit.started + dt.timedelta(minutes=2)

    @property
    def series_uid(self) -> UID:
        """Series Instance UID."""
        return self.series_uid_for("CT")


@dataclass(frozen=True, slots=True, kw_only=True)
class PetHeader(SeriesHeader):
    """A PET series; the defaults are a whole-body NaF scan 45 minutes after the injection.

    `scan_started`, `administered`, `injected_dose_bq`, `half_life_s` and the patient's weight are
    the truth by which activities are made from SUV. Faults may write something else.
    """

    series_number: int = 4
    series_description: str = "PET WB NaF AC"
    image_type: tuple[str, ...] = ("ORIGINAL", "PRIMARY")
    units: PetUnits = PetUnits.BQML
    suv_type: SuvType = SuvType.ABSENT
    philips_factors: PhilipsFactors = PhilipsFactors.BOTH
    decay_correction: DecayCorrection = DecayCorrection.START
    times: TimeConvention = TimeConvention.SERIES
    frame_reference: FrameReference = FrameReference.VENDOR
    private_times: bool = True
    """Whether GE and Siemens write their private decay reference."""
    decoy_private: bool = False
    """Another creator takes private block 10, so that the vendor's is 11."""
    start_tags: StartTags = StartTags.BOTH
    uptake_min: float = 45.0
    """From the injection's start to the first bed's."""
    scan_started: dt.datetime | None = None
    timezone_min: int | None = None
    """Local offset from UTC that the header states (0008,0201)."""
    start_zone_min: int | None = None
    """Offset from UTC in which the start of the injection is written, if any."""
    frame_duration_s: float = 120.0
    bed_step_mm: float | None = 165.0
    """Table feed between beds, from the feet up; None is a single bed."""
    bed_pause_s: float = 3.0
    postprocessing_delay_s: float = 2231.0
    """How much later than the scan a rewritten Series Time is."""
    injected_dose_bq: float = 198.4e6
    half_life_s: float = HALF_LIFE_F18_S
    tracer: Tracer = Tracer.NAF
    attenuation_corrected: bool = True

    def __post_init__(self) -> None:
        if self.injected_dose_bq <= 0 or self.half_life_s <= 0 or self.frame_duration_s <= 0:
            raise ValueError("the true dose, half-life and frame duration must be above 0")

    @property
    def scan_start(self) -> dt.datetime:
        """Start of the first bed."""
        return self.scan_started or self.visit.started + dt.timedelta(minutes=4)

    @property
    def administered(self) -> dt.datetime:
        """Start of the injection."""
        return self.scan_start - dt.timedelta(minutes=self.uptake_min)

    @property
    def series_uid(self) -> UID:
        """Series Instance UID."""
        return self.series_uid_for("PT")
