"""How good the answers are: people's weights for the weighted consensus. The numbers themselves: learning/engine/crowd."""
