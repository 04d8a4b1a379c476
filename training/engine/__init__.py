"""What every trainer needs: checkpoints that survive a kill, devices, threads, half precision."""
