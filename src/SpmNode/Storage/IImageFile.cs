using OvirtSpm.Volumes.Qcow2;

namespace OvirtSpm.Node.Storage;

/// <summary>An image that was opened by its path, for reading.</summary>
public interface IImageFile : IImageArea, IDisposable;
