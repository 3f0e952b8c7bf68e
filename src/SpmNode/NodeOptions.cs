namespace OvirtSpm.Node;

/// <summary>How a node is started: <c>/etc/spm/node.json</c>, then environment <c>SPM__…</c>, then options.</summary>
sealed class NodeOptions
{
    /// <summary>The shared LUN.</summary>
    public string? Lun { get; set; }

    /// <summary>Where the domain's other devices are looked for, and which may be added to it: paths, directories, patterns.</summary>
    public string[] Devices { get; set; } = [];

    /// <summary>1 to 239; unique in the pool.</summary>
    public int HostId { get; set; }

    /// <summary>Unique in the pool; the machine's name unless given.</summary>
    public string? Name { get; set; }

    /// <summary>Address and port of the API; port 0 lets the kernel choose.</summary>
    public string Listen { get; set; } = "127.0.0.1:7400";

    /// <summary>Allows an address that is not loopback, although there is no authentication yet.</summary>
    public bool InsecureListen { get; set; }

    /// <summary>What other hosts are told to use instead of the listening address.</summary>
    public string? AdvertiseUrl { get; set; }

    public const string DefaultState = "/var/lib/spm";

    public string State { get; set; } = DefaultState;

    /// <summary>Where the sockets of active volumes are; <c>/run/spm</c>, or <c>run</c> in another state directory.</summary>
    public string? RunDirectory { get; set; }

    /// <summary><c>nbd</c>: this node serves volumes on sockets. <c>dm</c>: the kernel maps them, as LVM does.</summary>
    public string Activation { get; set; } = "nbd";

    /// <summary>R21: <c>none</c> (unsafe), <c>wdmd</c>, or the path of a watchdog device such as <c>/dev/watchdog</c>.</summary>
    public string Watchdog { get; set; } = "none";

    /// <summary>R26: <c>logind</c> or <c>none</c>; when not given, logind wherever it may be.</summary>
    public string? Sleep { get; set; }

    /// <summary>R19: when given, the io timeout that the pool must have.</summary>
    public int? IoTimeoutSeconds { get; set; }

    /// <summary>R19: when given, the watchdog timeout that the pool must have.</summary>
    public int? WatchdogTimeoutSeconds { get; set; }

    /// <summary>R25: the kernel kills this process at the deadline of an SPM that did not end its term, also when it is stopped.</summary>
    public bool KillTimer { get; set; } = true;

    /// <summary>Compile at start what the first extend and the first takeover need. Off for emulated machines, where that takes minutes.</summary>
    public bool WarmUp { get; set; } = true;

    /// <summary>For a file standing in for a LUN: 512 (default) or 4096.</summary>
    public int? SectorSize { get; set; }

    /// <summary>With <c>dm</c>: writes behind the end of a volume wait for space, as they do with <c>nbd</c>.</summary>
    public bool Tail { get; set; }

    /// <summary>R31: how long a write behind the end of its volume is held before it fails with ENOSPC.</summary>
    public double HoldLimitSeconds { get; set; } = 20;
}
