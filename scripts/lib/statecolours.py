# SPDX-License-Identifier: GPL-2.0-or-later
"""One colour for each state of a device, in all pictures and on the terminal.

The states are those of SMMUv3Attachment (hw/arm/smmuv3-accel/core/stream.h).
"""

# state: (fill, line, ANSI)
COLOURS = {
    'parent': ('#dddddd', '#666666', '37'),
    'bypass': ('#a9c6ee', '#1f5fa8', '34'),
    'abort': ('#f3bf85', '#b35c00', '33'),
    'translate': ('#9fd3a2', '#2e7d32', '32'),
    'nothing': ('#d3b4e0', '#7b3f98', '35'),
    'quarantine': ('#8a8a8a', '#222222', '7'),
}
# A fault is no state; it has a colour of its own.
FAULT, FAULT_ANSI = '#cc0000', '31'
