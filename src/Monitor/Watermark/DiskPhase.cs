namespace OvirtSpm.Monitor.Watermark;

/// <summary>Where one disk stands. Whether its guest is paused for space is told apart from it.</summary>
public enum DiskPhase
{
    /// <summary>Not looked at yet.</summary>
    New,

    /// <summary>The threshold is set; nothing to do until QEMU reports it passed.</summary>
    Quiet,

    /// <summary>An extend is under way.</summary>
    Asked,

    /// <summary>The extend was refused; asked again after a pause. The reason is in the state's detail.</summary>
    Refused,

    /// <summary>The larger size is usable; the next threshold is on its way to QEMU.</summary>
    Extended,

    /// <summary>QEMU refused the threshold; the slow poll watches instead and tries again.</summary>
    Unarmed,

    /// <summary>At its maximum: no threshold, no extends.</summary>
    Full,

    /// <summary>Writes far behind anything the policy would allocate: a corrupt image, usually. Not extended.</summary>
    Implausible,

    /// <summary>QEMU or the node in it is gone; what is shown is the last that was known.</summary>
    Lost,
}
