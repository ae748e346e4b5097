"""The folders of an Orin Nano's kernel that tell of its health, as a real tree that a test may heat up or break."""

from __future__ import annotations

from pathlib import Path

PLAIN = {
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal",
    "sys/class/thermal/thermal_zone0/temp": "51218",
    "sys/class/thermal/thermal_zone0/trip_point_0_type": "critical",
    "sys/class/thermal/thermal_zone0/trip_point_0_temp": "104500",
    "sys/class/thermal/thermal_zone0/trip_point_1_type": "passive",
    "sys/class/thermal/thermal_zone0/trip_point_1_temp": "99000",
    "sys/class/thermal/thermal_zone0/trip_point_2_type": "active",
    "sys/class/thermal/thermal_zone0/trip_point_2_temp": "50000",
    "sys/class/thermal/thermal_zone1/type": "gpu-thermal",
    "sys/class/thermal/thermal_zone1/temp": "49875",
    "sys/class/thermal/thermal_zone8/type": "tj-thermal",
    "sys/class/thermal/thermal_zone8/temp": "52031",
    "sys/class/thermal/cooling_device0/type": "pwm-fan",
    "sys/class/thermal/cooling_device0/cur_state": "2",
    "sys/class/thermal/cooling_device1/type": "cpufreq-cpu0",
    "sys/class/thermal/cooling_device1/cur_state": "0",
    "sys/class/hwmon/hwmon0/name": "tmp451",
    "sys/class/hwmon/hwmon2/name": "soctherm_oc",
    "sys/class/hwmon/hwmon2/oc1_event_cnt": "3",
    "sys/class/hwmon/hwmon2/oc2_event_cnt": "0",
    "sys/class/hwmon/hwmon2/oc3_event_cnt": "1",
    "sys/class/devfreq/17000000.gpu/device/load": "417",
    "sys/class/devfreq/15340000.vic/device/load": "990",
    "sys/bus/i2c/devices/1-0040/hwmon/hwmon1/in1_label": "VDD_IN",
    "sys/bus/i2c/devices/1-0040/hwmon/hwmon1/in1_input": "5072",
    "sys/bus/i2c/devices/1-0040/hwmon/hwmon1/curr1_input": "1480",
    "sys/bus/i2c/devices/1-0040/hwmon/hwmon1/in2_label": "VDD_CPU_GPU_CV",
    "sys/bus/i2c/devices/1-0040/hwmon/hwmon1/in2_input": "5064",
    "sys/bus/i2c/devices/1-0040/hwmon/hwmon1/curr2_input": "528",
    "var/lib/nvpmodel/status": "pmode:0002 fmode:cool",
    "proc/meminfo": "MemTotal:        7802008 kB\nMemFree:  300000 kB\nMemAvailable:    4194304 kB\n",
}
"""File contents by path, without the line's end."""

OC = "sys/class/hwmon/hwmon2"
CPU = "sys/class/thermal/thermal_zone0"


class Tree:
    """The tree on disk."""

    def __init__(self, root: Path, files: dict[str, str] | None = None) -> None:
        self.root = root
        for path, content in (PLAIN if files is None else files).items():
            self.write(path, content)

    def write(self, path: str, content: str) -> None:
        """Let a file say something else."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content + "\n", "utf-8")

    def heat(self, temp_c: float) -> None:
        """Heat the processor."""
        self.write(f"{CPU}/temp", str(round(temp_c * 1000)))

    def count(self, line: int, count: int) -> None:
        """Let the over-current counter of a line stand so."""
        self.write(f"{OC}/oc{line}_event_cnt", str(count))
