namespace OvirtSpm.Node.Activation.Mapped;

/// <summary>A volume that guests reach through the kernel.</summary>
interface IMappedVolume : ILiveVolume, IServedVolume;
