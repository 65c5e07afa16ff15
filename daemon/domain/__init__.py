"""The judgement: pure, frozen values in, frozen values out. Imports the standard library and nothing else."""
