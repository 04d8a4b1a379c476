"""A dataset in DeepLesion's layout from one's own DICOM archive, as paper 004 mined its PACS (§2.1)."""
