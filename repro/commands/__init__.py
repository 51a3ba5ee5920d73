"""The commands of `repro`. They parse options and show what the other modules compute."""
