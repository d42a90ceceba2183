"""The learner in simulated worlds and on real posts, against others."""
