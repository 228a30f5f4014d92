"""The networks at use: bundles of OpenVINO models.  The only importer of openvino."""
