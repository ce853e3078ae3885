"""Records a training job and the speed of scoring: trace recorder, monitor, throughput measurement."""
