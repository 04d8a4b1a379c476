"""Every sentence and label of the report dock."""

from __future__ import annotations

from typing import Final

DOCK: Final = "Report"
KEY_DOCK: Final = "Show the report"
KEY_IMAGE: Final = "Give the selected lesion's key image this window and zoom"
KEY_COPY: Final = "Copy the selected lesion's sentence"
UNREVIEWED: Final = "With what no reader has reviewed"
UNREVIEWED_TIP: Final = "Model scores and labels that nobody accepted go in too, marked as not reviewed"
DEIDENTIFY: Final = "Without names, dates and typed text"
DEIDENTIFY_TIP: Final = (
    "De-identified by DICOM's basic profile (PS3.15 E): UIDs are replaced, and the images that the report "
    "refers to are written beside it under the same UIDs"
)
FORM_TIPS: Final = {
    "json": "All of it, for scripts",
    "sr": "DICOM structured report (TID 1500), for PACS and other viewers",
    "sc": "Key images as DICOM, for any PACS",
    "fhir": "FHIR R4 bundle: the report and its observations",
    "html": "A page for the browser",
    "pdf": "A document to print or send",
    "csv": "A row a lesion, for a spreadsheet",
}
SENTENCE: Final = "Lesion {number} in a sentence"
NO_SENTENCE: Final = "No lesion is selected"
NO_LESION: Final = "Mark a lesion: it appears here."
COPY: Final = "Copy"
COPY_TIP: Final = "Copy the sentence  (Ctrl+C)"
COPIED: Final = "The sentence was copied."
AGAIN: Final = "Undo edits"
AGAIN_TIP: Final = "Make the sentence from the accepted labels again"
NO_STUDY: Final = "Open a CT and mark a lesion: its report appears here."
NO_FOLDER: Final = "No folder chosen yet"
CHOOSE: Final = "Folder…"
WHERE: Final = "Folder for the report"
EXPORT: Final = "Write the report"
CANCEL: Final = "Stop"
CANCELLED: Final = "Writing was stopped; each file that is there is whole."
NO_FORM: Final = "Tick at least one form to write."
WRITTEN: Final = "Files written: {count}, to {folder}"
OPEN: Final = "Open folder"
IMPORT: Final = "Take in…"
IMPORT_TIP: Final = "Take the lesions of a DICOM structured report on this scan into the session"
REPORTS: Final = "DICOM structured reports (*.dcm);;All files (*)"
TAKEN: Final = "Lesions taken in: {count}."
NOT_TAKEN: Final = (
    "Nothing was taken in: its scan was left meanwhile. Open the scan again, then take the report in."
)
KEPT_VIEW: Final = "Lesion {number}: its key image has this window and zoom."
