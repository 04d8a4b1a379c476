"""Two studies of a patient: registration, pairs of lesions, growth and RECIST 1.1 response. No Qt in here."""
