using OvirtSpm.LvmMetadata.Model;

namespace OvirtSpm.LvmMetadata.Store;

/// <summary>A text as somebody other than a header names it: a journal that was durable before it.</summary>
/// <param name="Places">Where it begins, by used metadata area.</param>
public sealed record NamedText(MetadataVersion Version, int SizeBytes, uint Checksum, IReadOnlyList<long> Places);
