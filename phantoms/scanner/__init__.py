"""CT and PET of a synthetic patient: painting, blur, noise, metal."""
