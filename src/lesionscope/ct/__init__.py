"""Files to CT volumes: Hounsfield units and the patient-space grid they lie on."""
