namespace OvirtSpm.Volumes.Foreign;

/// <summary>What a disk image outside the pool is made as. Declared by whoever names the file, never probed: a guest can write any header into a raw disk.</summary>
public enum DiskFormat
{
    Raw,
    Qcow2,

    /// <summary>VHD, as QEMU calls it.</summary>
    Vpc,
    Vmdk,
}
